"""The child process of one sink: opens it, feeds it and reports the outcome.

The first message is what `open_sink` takes. Then come frames, until the parent closes the
connection: the sink is finished then. A call that exceeds its timeout ends the process.
"""

from __future__ import annotations

import logging
import os
import threading
from time import sleep
from typing import TYPE_CHECKING, Any

from stream_anon.config import Settings
from stream_anon.core.channel import Cancelled, Channel, Closed, Overflow
from stream_anon.core.frame import StreamInfo
from stream_anon.errors import StreamAnonError
from stream_anon.processes.host import ParentPipe, named, serve, within
from stream_anon.processes.wire import Message
from stream_anon.sinks.base import SoundSink
from stream_anon.sinks.live.address import SinkAddress, SinkOrder
from stream_anon.sinks.process.transport import DEBUG, FRAME, sound_of, unpack, unpack_debug

if TYPE_CHECKING:
    from stream_anon.sinks.base import Sink
    from stream_anon.sinks.window.preview import PreviewSink

PARTING = 5.0
"""Seconds that a window has to close."""
IDLE = 0.02
"""Seconds between two polls of a window's events."""


def work(parent: ParentPipe) -> None:
    """Serve one sink."""
    opening = parent.receive()
    if opening is None:
        return
    logger = logging.getLogger("stream_anon")
    logger.setLevel(logging.INFO)
    logger.addHandler(_ToParent(parent))
    limit = float(opening.fields["limit"])
    try:
        if opening.fields["kind"] == "preview":
            _show(parent, opening.fields, limit)
        else:
            _write(parent, opening.fields, limit)
        parent.send(Message("done"))
    except StreamAnonError as error:
        parent.send(Message("failed", {"said": str(error), "code": error.exit_code}))
    except Exception as error:  # noqa: BLE001 - the parent reopens it
        parent.send(Message("failed", {"said": f"unexpected {type(error).__name__}", "code": 1}))


class _ToParent(logging.Handler):
    """Forwards log records to the parent, which logs them."""

    def __init__(self, parent: ParentPipe) -> None:
        super().__init__(logging.INFO)
        self._parent = parent

    def emit(self, record: logging.LogRecord) -> None:
        fields = {"level": record.levelno, "text": record.getMessage()}
        self._parent.send(Message("log", fields))


def _write(parent: ParentPipe, fields: dict[str, Any], limit: float) -> None:
    info = StreamInfo.from_fields(fields["info"])
    with within(limit):
        sink = open_sink(fields, info)
    parent.send(Message("ready", {"notes": list(getattr(sink, "notes", []))}))
    try:
        while message := parent.receive():
            with within(limit):
                if isinstance(sink, SoundSink):
                    sink.hear(sound_of(message))
                sink.send(unpack(message))
        with within(limit):
            sink.finish()
    finally:
        with within(limit):
            sink.close()


def open_sink(fields: dict[str, Any], info: StreamInfo) -> Sink:
    """The sink that a parent asks for.

    Args:
        fields: an address, what `opens` it, `settings`, and for files `segment` and `keep`, in
            seconds or None.
        info: of the stream.

    Raises:
        SinkError: it cannot be opened.
    """
    order = SinkOrder(
        SinkAddress(fields["kind"], fields["label"], fields["target"], fields["container"]),
        info,
        Settings.model_validate(fields["settings"]),
        fields["segment"],
        fields["keep"],
    )
    opened: Sink = named(fields["opens"])(order)
    return opened


# -- a window ---------------------------------------------------------------------------------


def _show(parent: ParentPipe, fields: dict[str, Any], limit: float) -> None:
    """A window's events go on while no frames come, so another thread waits for those."""
    from stream_anon.sinks.window.preview import PreviewSink  # noqa: PLC0415

    info = StreamInfo.from_fields(fields["info"])
    with within(limit):
        window = PreviewSink(
            info,
            title=fields["title"],
            on_key=lambda key: parent.send(Message("key", {"key": key})),
            on_close=lambda: parent.send(Message("closed")),
        )
    parent.send(Message("ready", {"notes": []}))
    messages: Channel[Message] = Channel(2, Overflow.DROP_OLDEST)
    threading.Thread(target=_collect, args=(parent, messages), daemon=True).start()
    try:
        _pump(window, messages, limit)
    finally:
        with within(limit):
            window.close()


def _collect(parent: ParentPipe, messages: Channel[Message]) -> None:
    try:
        while message := parent.receive():
            messages.put(message)
    except Cancelled:
        return
    messages.close()
    sleep(PARTING)
    os._exit(0)  # the window hangs, and nobody is there any more to end this process


def _pump(window: PreviewSink, messages: Channel[Message], limit: float) -> None:
    while True:
        try:
            message = messages.get(timeout=IDLE)
        except TimeoutError:
            with within(limit):
                window.idle()
            continue
        except Closed:
            return
        window.overlay(message.fields.get("overlay", {}))
        with within(limit):
            if message.kind == DEBUG:
                window.show_debug(unpack_debug(message))
            elif message.kind == FRAME:
                window.send(unpack(message))


def main() -> None:
    """Entry point of the child process."""
    serve(work)


if __name__ == "__main__":
    main()
