"""A real Chromium without a window, and the real server for it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any, Self

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, ConsoleMessage, Page

CHROMIUM = shutil.which("chromium")
START = 60.0
"""Seconds that the server has to start in on a busy machine."""
PATIENCE = 25_000.0
"""Milliseconds that a page has."""
OPERATOR, VIEWER = "an operator's token for tests", "a viewer's token for tests"


@contextmanager
def served(folder: Path, *options: str) -> Iterator[str]:
    """`stream-anon serve` in a process of its own; its address."""
    tokens = {"STREAM_ANON_TOKEN": OPERATOR, "STREAM_ANON_VIEWER_TOKEN": VIEWER}
    command = [sys.executable, "-m", "stream_anon", "serve", "--port", "0", *options]
    with subprocess.Popen(
        [*command, "--folder", str(folder / "room")],
        env=os.environ | tokens,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        watch = threading.Timer(START, process.kill)
        watch.start()
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
        finally:
            watch.cancel()
            watch.join()
        try:
            found = re.search(r"http://[^ ,]*", line)
            assert found is not None, line
            yield found[0]
        finally:
            process.terminate()
            process.communicate(timeout=30)


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser; a test that needs it is skipped where there is none."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("there is no chromium on this machine")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


class Visit:
    """A page of one login, and what its console complained of."""

    def __init__(self, browser: Browser, address: str, **options: Any) -> None:
        self.address = address
        self.context = browser.new_context(**options)
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._heard)

    def _heard(self, line: ConsoleMessage) -> None:
        # What the server refuses is logged as well, and is no fault of the page.
        if line.type == "error" and not line.text.startswith("Failed to load resource"):
            self.complaints.append(line.text)

    def open(self, place: str) -> None:
        self.page.goto(self.address + place)

    def log_in(self, token: str = OPERATOR) -> None:
        """By the form, with the keyboard alone."""
        self.open("/")
        assert self.page.url == f"{self.address}/login"
        self.page.locator("#token:focus").wait_for()
        self.page.keyboard.type(token)
        self.page.keyboard.press("Enter")
        self.page.wait_for_url(f"{self.address}/")

    def wait_until(self, expression: str) -> None:
        """Until JavaScript says so; Playwright's own way is refused by the page's policy."""
        deadline = monotonic() + PATIENCE / 1000
        while not self.page.evaluate(expression):
            assert monotonic() < deadline, expression
            self.page.wait_for_timeout(50)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.context.close()
        if kind is None:
            assert self.complaints == []
