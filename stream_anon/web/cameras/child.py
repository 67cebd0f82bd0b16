"""The process of one camera: an ordinary live run, whose networks run in the detector service.

The first message is "open". It answers with "picture" (a JPEG), with "figures" now and then, and
"log"; "ended" or "failed" is its last word. Later messages change what it does. What it hands out
went through the redactor: there is no other way to a picture here. Of a debug run, "raw" is a debug
view, while its parent asks for that; it has a kind of its own all the way.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np

from stream_anon.config import Redaction, Settings
from stream_anon.core.channel import Cancelled, Channel, Overflow
from stream_anon.detectors.remote.client import RemoteNetworks
from stream_anon.detectors.remote.ports import Port, PortClosed
from stream_anon.errors import StreamAnonError
from stream_anon.pipeline.live.outputs import Outputs
from stream_anon.pipeline.live.run import LiveRun
from stream_anon.processes.host import ParentPipe, serve
from stream_anon.processes.wire import Message
from stream_anon.web.cameras.jpeg import JpegWriter

if TYPE_CHECKING:
    from stream_anon.core.redacted import DebugFrame, RedactedFrame
    from stream_anon.sinks.tap import TapSink

FIGURES = 0.5
"""Seconds between two reports."""
STILL = 1.0
"""Seconds between two pictures while nobody watches."""
ALARM = 20
"""Seconds without a report after which the system ends this process: its parent is gone, or it
hangs with the interpreter's lock held."""
PERMANENT = {"ConfigError", "ScopeError", "ModelError", "DependencyError", "SourceError"}
"""Errors that come again."""


def main() -> None:
    """Serve one camera."""
    serve(work)


def work(parent: ParentPipe) -> None:
    """Run one camera until its parent has enough, or is gone."""
    order = parent.receive()
    if order is None:
        return
    _keep_alarm()
    logger = logging.getLogger("stream_anon")
    logger.setLevel(logging.INFO)
    logger.addHandler(_ToParent(parent))
    networks = RemoteNetworks()
    links = Port.of(int(order.fields["links"]))
    threading.Thread(target=_take_links, args=(links, networks), daemon=True).start()
    try:
        camera = CameraRun(order.fields, parent, networks)
        threading.Thread(target=_listen, args=(parent, camera), daemon=True).start()
        camera.run()
        parent.send(Message("ended"))
    except StreamAnonError as error:
        permanent = type(error).__name__ in PERMANENT
        parent.send(Message("failed", {"reason": str(error), "permanent": permanent}))
    except Exception as error:  # noqa: BLE001 - its text may hold anything
        reason = f"unexpected {type(error).__name__}"
        parent.send(Message("failed", {"reason": reason, "permanent": False}))


class CameraRun:
    """One live run, and what of it goes to the parent."""

    def __init__(self, order: dict[str, Any], parent: ParentPipe, networks: RemoteNetworks) -> None:
        """Check what can be checked; nothing is opened yet.

        Raises:
            StreamAnonError: it cannot be run like this.
        """
        settings = Settings.model_validate(order["settings"])
        self._parent = parent
        self._run = LiveRun(
            order["source"],
            Outputs(tapped=True),
            settings,
            name=order["name"],
            networks=networks,
            on_debug=self._take_raw,
        )
        self._raw: Channel[DebugFrame] = Channel(1, Overflow.DROP_OLDEST)
        self._banner = ""
        """Across raw pictures; empty while there are none."""
        self._is_watched = bool(order["watched"])
        self._over = threading.Event()

    def obey(self, message: Message) -> None:
        """Do what the parent asks for."""
        if message.kind == "watched":
            self._is_watched = bool(message.fields["on"])
        elif message.kind == "redaction":
            redaction = Redaction.model_validate(message.fields["redaction"])
            self._run.reload_with(lambda: redaction)
        elif message.kind == "raw":
            banner = str(message.fields["banner"])
            self._run.show_raw(on=bool(banner))
            self._banner = banner
        elif message.kind == "stop":
            self._run.stop()

    def run(self) -> None:
        """Until it is stopped, or ends for good.

        Raises:
            StreamAnonError: what ended it.
        """
        tap = self._run.tap()
        reporting = threading.Thread(target=self._report, daemon=True)
        showing = threading.Thread(target=self._show, args=(tap,), daemon=True)
        showing_raw = threading.Thread(target=self._show_raw, daemon=True)
        for thread in (reporting, showing, showing_raw):
            thread.start()
        try:
            self._run.run()
        finally:
            self._over.set()
            tap.close()
            self._raw.cancel()
            reporting.join()

    def _show(self, tap: TapSink) -> None:
        writer: JpegWriter | None = None
        last = 0.0
        for frame in tap:
            if writer is None:
                writer = JpegWriter(self._run.color)
            if self._is_watched or monotonic() - last >= STILL:
                last = monotonic()
                self._send(writer, frame)

    def _send(self, writer: JpegWriter, frame: RedactedFrame) -> None:
        picture = np.frombuffer(writer.write(frame), np.uint8).reshape(1, -1)
        self._parent.send(Message("picture", {}, (picture,)))

    def _take_raw(self, frame: DebugFrame) -> None:
        with suppress(Cancelled):
            self._raw.put(frame)

    def _show_raw(self) -> None:
        with suppress(Cancelled):
            for frame in self._raw:
                if banner := self._banner:
                    data = JpegWriter(self._run.color).write_debug(frame, banner)
                    picture = np.frombuffer(data, np.uint8).reshape(1, -1)
                    self._parent.send(Message("raw", {}, (picture,)))

    def _report(self) -> None:
        while not self._over.wait(FIGURES):
            figures = self._run.stats.snapshot()
            whole = figures.hidden_now
            fields = {
                "connected": figures.connected,
                "reason": figures.reason,
                "fps": round(figures.fps_out, 1),
                "latency_ms": _milliseconds(figures.latency),
                "people": figures.people,
                "hidden_whole": figures.hidden_total,
                "hidden_now": None if whole is None else whole.value,
                "frames": figures.frames_out,
                "dropped": figures.dropped_total,
                "level": figures.effort,
            }
            self._parent.send(Message("figures", fields))
            _keep_alarm()


def _milliseconds(latency: tuple[float, float, float] | None) -> int | None:
    """The 95th percentile."""
    return None if latency is None else round(1000 * latency[1])


def _keep_alarm() -> None:
    with suppress(AttributeError):
        signal.setitimer(signal.ITIMER_REAL, ALARM)


def _listen(parent: ParentPipe, camera: CameraRun) -> None:
    while (message := parent.receive()) is not None:
        try:
            camera.obey(message)
        except (KeyError, ValueError, StreamAnonError):
            logging.getLogger(__name__).error("an order to the camera made no sense")
    os._exit(0)  # the parent is gone


def _take_links(links: Port, networks: RemoteNetworks) -> None:
    """Each message brings a link to a new detector service."""
    with suppress(PortClosed):
        while True:
            fd = links.receive().the_fd()
            if fd is not None:
                networks.connect(Port.of(fd))


class _ToParent(logging.Handler):
    """Forwards log records to the parent, which logs them."""

    def __init__(self, parent: ParentPipe) -> None:
        super().__init__(logging.INFO)
        self._parent = parent

    def emit(self, record: logging.LogRecord) -> None:
        fields = {"level": record.levelno, "text": record.getMessage()}
        self._parent.send(Message("log", fields))


if __name__ == "__main__":
    main()
