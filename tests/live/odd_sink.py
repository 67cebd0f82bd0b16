"""The child process of a sink, with something broken in it for the first of them."""

from __future__ import annotations

import logging
import os
import resource
import signal
import time
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stream_anon.processes.host import ParentPipe, serve
from stream_anon.processes.wire import Message
from stream_anon.sinks.process import hosted

if TYPE_CHECKING:
    from stream_anon.core.frame import StreamInfo
    from stream_anon.sinks.base import Sink

log = logging.getLogger("stream_anon.sinks.odd")
VARIABLE = "ODD_SINK"
BEGIN = 40
"""Frames before the fault."""


class Odd:
    """A sink that works for a while."""

    def __init__(self, sink: Sink, fault: str, parent: ParentPipe) -> None:
        self._sink, self._fault, self._parent = sink, fault, parent
        self._calls = count()

    def send(self, frame: Any) -> None:
        if next(self._calls) == BEGIN:
            if self._fault == "sink raises":
                raise RuntimeError("a fault")
            if self._fault == "sink warns":
                log.warning("old recordings cannot be deleted")
            if self._fault == "sink talks nonsense":
                self._parent.send(Message("log", {"level": "loud"}))
            if self._fault == "sink hangs":
                time.sleep(3600)
            if self._fault == "sink dies":
                os.kill(os.getpid(), signal.SIGKILL)
        self._sink.send(frame)

    def finish(self) -> None:
        self._sink.finish()

    def close(self) -> None:
        self._sink.close()


def main() -> None:
    """Break the first child for a target, and none after it."""
    fault, open_sink = os.environ[VARIABLE], hosted.open_sink

    def work(parent: ParentPipe) -> None:
        def opened(fields: dict[str, Any], info: StreamInfo) -> Any:
            target = Path(fields["target"])
            mark = target.with_name(f"{target.name}.was-broken")
            if mark.exists() or target.suffix != ".mkv":
                return open_sink(fields, info)
            mark.touch()
            if fault == "sink fills the disk":
                resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
            return Odd(open_sink(fields, info), fault, parent)

        hosted.open_sink = opened
        hosted.work(parent)

    serve(work)


if __name__ == "__main__":
    main()
