"""`stream-anon live` with something broken in it: python -m tests.live.faulty FAULT [arguments]."""

from __future__ import annotations

import os
import resource
import sys
import threading
import time
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stream_anon.cli.main import main
from stream_anon.core.parts import Box, Part
from stream_anon.detectors.base import DetectionPass
from stream_anon.detectors.shapes import ellipse
from stream_anon.masking.masker import Masker
from stream_anon.pipeline.engines import Engines
from stream_anon.pipeline.live import opening
from stream_anon.redaction.redactor import Redactor
from stream_anon.sinks.process import supervised
from tests.live.odd_sink import VARIABLE
from tests.live.sentinel import FACE, NEWCOMER, is_there
from tests.stubs import StubParser

if TYPE_CHECKING:
    from collections.abc import Callable

    from stream_anon.core.frame import Frame

BEGIN, END = 40, 60
"""Answers of the parser that are bad, by number."""
MARGIN = 16
"""Pixels around the pattern: the stub's mask is an ellipse, and must hold the corners too."""


def _good(frame: Frame, _detection_pass: DetectionPass) -> list[Part]:
    """Those who are there: nobody is hidden for having been expected."""
    mask = ellipse().copy()
    mask[:] = 255
    luma = frame.planes[0]
    there = [place for place in (FACE, NEWCOMER) if is_there(luma, place)]
    return [Part("face", place.grown(MARGIN, MARGIN), mask, 0.9, 0) for place in there]


def _raise(*_: object) -> Any:
    raise RuntimeError("a fault")


def _no_memory(*_: object) -> Any:
    raise MemoryError


def _hang(*_: object) -> Any:
    time.sleep(3600)


PARSER: dict[str, Callable[[Frame, DetectionPass], Any]] = {
    "parser raises": _raise,
    "parser hangs": _hang,
    "parser answers None": lambda *_: None,
    "parser answers NaN": lambda *_: [Part("face", Box(1, 1, float("nan"), 9), ellipse(), 0.9, 0)],
    "parser answers the wrong size": lambda *_: [Part("face", Box(9e8, 9, 9, 9), ellipse(), 1, 0)],
    "parser has no memory": _no_memory,
}


def _break_parser(answer: Callable[[Frame, DetectionPass], Any]) -> None:
    calls = count()

    def answers(frame: Frame, detection_pass: DetectionPass) -> Any:
        end = BEGIN + 1 if answer is _hang else END  # the next one to ask is a new parser
        bad = BEGIN <= next(calls) < end
        return (answer if bad else _good)(frame, detection_pass)

    _use(answers)


def _use(answers: Callable[[Frame, DetectionPass], Any]) -> None:
    assert "load_engines" in vars(opening)
    vars(opening)["load_engines"] = lambda *_: Engines([StubParser(answers)])


def _break_for_a_while(owner: type, name: str) -> None:
    real, calls = getattr(owner, name), count()

    def call(self: object, *arguments: Any, **named: Any) -> Any:
        if BEGIN <= next(calls) < END:
            raise MemoryError
        return real(self, *arguments, **named)

    setattr(owner, name, call)


def _little_memory() -> None:
    """From the third second on the process gets next to no more memory."""

    def squeeze() -> None:
        time.sleep(3)
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        size = pages * resource.getpagesize()
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (size + (1 << 20), hard))
        time.sleep(1)
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))

    threading.Thread(target=squeeze, daemon=True).start()


def arrange(fault: str) -> None:
    """Break what is to be broken."""
    _use(_good)
    if fault in PARSER:
        _break_parser(PARSER[fault])
    elif fault == "masker fails":
        _break_for_a_while(Masker, "take")
    elif fault == "releasing fails":
        _break_for_a_while(Masker, "release")
    elif fault == "redactor fails":
        _break_for_a_while(Redactor, "_hide")
    elif fault == "memory runs short":
        _little_memory()
    elif fault.startswith("sink "):
        supervised.HOSTED = "tests.live.odd_sink"
        os.environ[VARIABLE] = fault
    elif fault != "nothing":
        raise SystemExit(f"no such fault: {fault}")


if __name__ == "__main__":
    arrange(sys.argv.pop(1))
    main()
