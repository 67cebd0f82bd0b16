"""A capture process for tests: the first one breaks as its environment says, the others work."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from stream_anon.processes.host import ParentPipe, serve
from stream_anon.processes.wire import _MARK, _START, Message
from stream_anon.sources.live import capture
from stream_anon.sources.live.input import LiveInput

FAULT, MARK = "ODD_CAPTURE", "ODD_CAPTURE_MARK"
BEGIN = 10
"""Pictures before the fault."""
HUGE = 1 << 20
"""Rows and columns of a plane that no machine has room for."""


def head(text: str, planes: int = 0) -> bytes:
    data = text.encode()
    return _START.pack(_MARK, len(data), planes) + data


NONSENSE = {
    "planes without end": head(f'["frame", {{}}, [[{HUGE}, {HUGE}]]]', 1),
    "planes of no size": head('["frame", {}, [[-1, 4], [4, 4], [4, 4]]]', 3),
    "too many planes": head(f'["frame", {{}}, [{"[720, 1280]," * 9999}[1, 1]]]', 10_000),
    "a head without end": _START.pack(_MARK, (1 << 32) - 1, 0),
    "a head that is nested": head("[" * 100_000),
    "a size that is none": head('["frame", {}, [[1e999, 4]]]', 1),
    "no number": head('["frame", {"at": NaN}, []]'),
}
"""Fault → bytes sent in place of a picture."""
FIELDS: dict[str, dict[str, Any]] = {
    "a time that is none": {"time": "1/0"},
    "counts that are none": {"lost": "many"},
    "an unknown mark": {"corrupt": "perhaps"},
    "sound that does not come": {"sound": [[0, 960]]},
    "a table of sound that is none": {"sound": 7},
}
"""Fault → what is wrong in the fields of a picture."""
OPENED: dict[str, dict[str, Any]] = {
    "announces too much": {"width": HUGE, "height": HUGE},
    "announces nothing": {"width": None},
}
"""Fault → what is wrong in the fields of "opened"."""
PLANES = ["another size than announced", "planes are missing"]
HANGS = "the decoder hangs at the first picture"


class Odd:
    """A line that breaks."""

    def __init__(self, parent: ParentPipe, fault: str) -> None:
        self._parent, self._fault = parent, fault
        self._count = count()

    def receive(self) -> Message | None:
        return self._parent.receive()

    def send(self, message: Message) -> None:
        fault = self._fault
        if message.kind == "opened" and fault in OPENED:
            message = replace(message, fields=message.fields | OPENED[fault])
        elif message.kind == "frame" and next(self._count) >= BEGIN:
            if fault in NONSENSE:
                os.write(self._parent._out.fileno(), NONSENSE[fault])
                time.sleep(3600)
            message = replace(message, fields=message.fields | FIELDS.get(fault, {}))
            if fault == "another size than announced":
                message = replace(message, planes=tuple(plane[:-2] for plane in message.planes))
            elif fault == "planes are missing":
                message = replace(message, planes=message.planes[:1])
        self._parent.send(message)


def work(parent: ParentPipe) -> None:
    mark, fault = Path(os.environ[MARK]), os.environ[FAULT]
    if mark.exists():
        capture.work(parent)
        return
    mark.touch()
    if fault == HANGS:
        LiveInput.pictures = _hang  # type: ignore[method-assign, assignment]
    capture.work(Odd(parent, fault))  # type: ignore[arg-type]


def _hang(*_: Any) -> Any:
    time.sleep(3600)
    return np.empty(0)


if __name__ == "__main__":
    serve(work)
