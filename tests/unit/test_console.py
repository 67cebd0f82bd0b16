"""Log lines of a live run: whoever logs does not wait for whoever reads."""

from __future__ import annotations

import logging
import os
import threading
from contextlib import suppress
from time import monotonic, sleep
from typing import TYPE_CHECKING

import pytest

from stream_anon.cli import console
from stream_anon.cli.console import log_in_background, log_to_console

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger("stream_anon.test")


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Standard error is a pipe that is full; the end to read from."""
    reads, writes = os.pipe()
    os.set_blocking(writes, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writes, b"x" * 4096)
    os.set_blocking(writes, True)
    with os.fdopen(writes, "w") as pipe:
        monkeypatch.setattr(console.err, "_file", pipe)
        log_to_console("info")
        yield reads
    os.close(reads)


def test_nobody_waits_for_a_terminal_that_is_stopped(stopped: int) -> None:
    began = monotonic()
    with log_in_background():
        for number in range(5000):
            log.warning("line %d", number)
        assert monotonic() - began < 2
    assert monotonic() - began < 3
    printer = next(t for t in threading.enumerate() if t.name == "stream_anon log")
    os.set_blocking(stopped, False)
    while printer.is_alive():  # somebody reads again
        with suppress(BlockingIOError):
            os.read(stopped, 65536)
        sleep(0.001)


def test_lines_come_in_order_and_whole(capsys: pytest.CaptureFixture[str]) -> None:
    log_to_console("info")
    with log_in_background():
        for number in range(50):
            log.warning("line %d", number)
    said = capsys.readouterr().err.splitlines()
    assert said == [f"warning: line {number}" for number in range(50)]
