"""Ways to make a run fail, and what is expected of it then."""

from __future__ import annotations

import threading
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from stream_anon.config import load_settings
from stream_anon.core.frame import Frame
from stream_anon.core.parts import Box
from stream_anon.detectors.base import DetectionPass
from stream_anon.errors import StreamAnonError
from stream_anon.pipeline import recording_run as build
from stream_anon.pipeline.engines import Engines
from stream_anon.pipeline.recording import redact_file
from tests.runs import leftovers
from tests.stubs import StubParser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from stream_anon.config import Settings


FRAMES = 24
POSITIONS = [0, 12, FRAMES - 1]
FACE = Box(100, 60, 60, 60)
EVERY_FRAME = {"keyframes.interval": 1, "keyframes.still": 0.0}
"""The parser looks at every frame, so that it can fail at any."""


class Boom(StreamAnonError):
    """What the tests let fail."""


def use_parser(
    monkeypatch: pytest.MonkeyPatch, answers: Callable[[Frame, DetectionPass], Any]
) -> None:
    """Every run gets a parser that answers with this."""
    monkeypatch.setattr(build, "load_engines", lambda *_: Engines([StubParser(answers)]))


def settings_with(**more: object) -> Settings:
    """Settings under which the parser looks at every frame."""
    return load_settings(None, {**EVERY_FRAME, **more})


def expect_clean_end(
    clip: Path, folder: Path, error: type[BaseException], match: str, **options: Any
) -> None:
    """The run ends with `error`; no thread runs, and no file has appeared."""
    settings = options.pop("settings", settings_with())
    with pytest.raises(error, match=match):
        redact_file(clip, folder / "out.mp4", settings, report=folder / "report.json", **options)
    assert stages() == []
    assert leftovers(folder) == []


def stages() -> list[str]:
    """Names of the threads of a run that are alive."""
    return [t.name for t in threading.enumerate() if t.name.startswith("stream_anon ")]


def failing_iterator(
    monkeypatch: pytest.MonkeyPatch, owner: type, name: str, at: int, error: BaseException
) -> None:
    """Item number `at` of an iterator method becomes an error."""
    real = getattr(owner, name)

    def items(self: object, *arguments: Any) -> Iterator[Any]:
        for number, item in enumerate(real(self, *arguments)):
            if number == at:
                raise error
            yield item

    monkeypatch.setattr(owner, name, items)


def failing_call(
    monkeypatch: pytest.MonkeyPatch, owner: type, name: str, at: int, error: BaseException
) -> None:
    """Call number `at` of a method raises."""
    real, calls = getattr(owner, name), count()

    def call(self: object, *arguments: Any) -> Any:
        if next(calls) == at:
            raise error
        return real(self, *arguments)

    monkeypatch.setattr(owner, name, call)


def note_closing(monkeypatch: pytest.MonkeyPatch, owner: type, closed: list[Any]) -> None:
    """Note who is closed, and which threads run at that time."""
    real = owner.close  # type: ignore[attr-defined]

    def close(self: object) -> None:
        closed.append((owner.__name__, stages()))
        real(self)

    monkeypatch.setattr(owner, "close", close)
