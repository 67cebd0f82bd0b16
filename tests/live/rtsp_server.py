"""RTSP: a camera that serves a video without end, or a target that keeps what is published to it.

Run by the system's python, which has GStreamer's bindings: `rtsp_server.py OPTIONS`, a JSON object.
Orders come on standard input, a line each, and are answered with a line; its end ends the server.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Any

import gi  # type: ignore[import-not-found]  # the system's, not ours

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import (  # type: ignore[import-not-found]  # noqa: E402
    GLib,
    Gst,
    GstRtsp,
    GstRtspServer,
)

if TYPE_CHECKING:
    from collections.abc import Callable

MOUNT = "/cam"
ROLE = "viewer"
VIDEO = (
    "appsrc name=camera format=time caps=video/x-h264,stream-format=byte-stream,alignment=au"
    " ! rtph264pay name=pay0 pt=96 config-interval=1"
)
AUDIO = (
    "appsrc name=microphone format=time caps=audio/x-alaw,rate=8000,channels=1"
    " ! errorignore ignore-error=false ignore-notlinked=true convert-to=ok"
    " ! rtppcmapay name=pay1"
)
"""Where a client leaves the sound out, its branch leads nowhere: as an error, that now and then
stops the video before it has begun."""
SILENCE, TICK = b"\xd5" * 160, b"\xaa\x2a" * 80
"""20 ms of sound in A-law."""
SEQUENCE, PICTURE = 7, 8
"""Parameter sets in H.264."""
TARGET = (
    "rtph264depay name=depay0 ! h264parse config-interval=-1"
    " ! video/x-h264,stream-format=byte-stream,alignment=au ! queue ! mpegtsmux name=mux"
    " ! filesink name=file sync=false async=false buffer-mode=unbuffered"
)
TARGET_AUDIO = "rtpmp4gdepay name=depay1 ! aacparse ! queue ! mux."
LATE = Gst.SECOND
"""Behind by more than this, a camera skips to now."""


class Clip:
    """The compressed pictures of a file, in memory."""

    def __init__(self, path: str) -> None:
        pipeline = Gst.parse_launch(
            "filesrc name=file ! parsebin ! h264parse config-interval=-1"
            " ! video/x-h264,stream-format=byte-stream,alignment=au ! appsink name=out sync=false"
        )
        pipeline.get_by_name("file").set_property("location", path)
        pipeline.set_state(Gst.State.PLAYING)
        self.pictures: list[bytes] = []
        self.keys: list[bool] = []
        self.duration = Gst.SECOND // 25
        while (sample := pipeline.get_by_name("out").emit("pull-sample")) is not None:
            self._add(sample)
        pipeline.set_state(Gst.State.NULL)
        if not self.pictures:
            raise SystemExit(f"no H.264 in {path}")

    def _add(self, sample: Any) -> None:
        buffer = sample.get_buffer()
        self.pictures.append(buffer.extract_dup(0, buffer.get_size()))
        self.keys.append(not buffer.has_flags(Gst.BufferFlags.DELTA_UNIT))
        known, above, below = sample.get_caps().get_structure(0).get_fraction("framerate")
        if known and above:
            self.duration = Gst.SECOND * below // above


class Camera:
    """What runs while anybody watches: gives picture after picture to the payloader."""

    def __init__(self, clip: Clip, first: int, *, on: bool) -> None:
        self._clip, self._next, self._time = clip, first, 0
        self._on, self._hungry, self._described = on, False, False
        self._source: Any = None

    def attach(self, media: Any) -> None:
        self._source = media.get_element().get_by_name("camera")
        self._source.connect("need-data", self._feed)

    def play(self, clip: Clip) -> None:
        self._clip, self._next = clip, 0

    def turn(self, *, on: bool) -> None:
        self._on = on
        if on and self._hungry:
            self._feed()

    def _feed(self, *_: Any) -> None:
        self._hungry = self._described and not self._on
        if self._hungry:
            return
        if not self._on:
            self._describe()
            return
        clip = self._clip
        if (now := running_time(self._source)) > self._time + LATE:
            self._time = now
            self._next = next((k for k in self._upcoming() if clip.keys[k]), 0)
        self._push(clip.pictures[self._next])
        self._next = (self._next + 1) % len(clip.pictures)
        self._time += clip.duration

    def _describe(self) -> None:
        """No picture, but what clients have to know of those that might come."""
        starts = re.split(b"\0\0\0?\1", self._clip.pictures[0])
        sets = [unit for unit in starts if unit and unit[0] & 31 in {SEQUENCE, PICTURE}]
        self._push(b"".join(b"\0\0\0\1" + unit for unit in sets))

    def _push(self, data: bytes) -> None:
        self._described = True
        push(self._source, data, self._time, self._clip.duration)

    def _upcoming(self) -> range:
        return range(self._next, len(self._clip.pictures))


class Microphone:
    """Ticks once a second. Made here, as what GStreamer makes can be wound, and a camera cannot."""

    def __init__(self, media: Any) -> None:
        self._time = 0
        self._source = media.get_element().get_by_name("microphone")
        if self._source is not None:
            self._source.connect("need-data", self._feed)

    def _feed(self, *_: Any) -> None:
        duration = Gst.SECOND // 50
        if (now := running_time(self._source)) > self._time + LATE:
            self._time = now // duration * duration
        elif self._time > now + LATE:  # nobody listens, so nobody takes its time
            sleep(duration / Gst.SECOND)
        data = SILENCE if self._time % Gst.SECOND else TICK
        push(self._source, data, self._time, duration)
        self._time += duration


def running_time(source: Any) -> int:
    """What time it is in the stream; 0 before it plays, as the source knows no beginning yet."""
    _, state, _ = source.get_state(0)
    return int(source.get_current_running_time()) if state == Gst.State.PLAYING else 0


def push(source: Any, data: bytes, time: int, duration: int) -> None:
    """Send something at its time."""
    buffer = Gst.Buffer.new_wrapped(data)
    buffer.pts = buffer.dts = time
    buffer.duration = duration
    source.emit("push-buffer", buffer)


class Viewing:
    """Serves the camera to whoever comes."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._clip, self._first, self._on = Clip(options["clip"]), options["first"], True
        self._camera: Camera | None = None
        self._microphone: Microphone | None = None
        self.factory = GstRtspServer.RTSPMediaFactory()
        self.factory.set_launch(f"( {VIDEO} {AUDIO if options['audio'] else ''} )")
        self.factory.set_shared(True)
        self.factory.set_protocols(transports(options["transports"]))
        self.factory.connect("media-configure", self._watched)

    def obey(self, order: str) -> None:
        verb, _, rest = order.partition(" ")
        if verb == "play":
            self._clip, self._first = Clip(rest), 0
            if self._camera is not None:
                self._camera.play(self._clip)
        elif verb == "video":
            self._on = rest == "on"
            if self._camera is not None:
                self._camera.turn(on=self._on)

    def _watched(self, _: Any, media: Any) -> None:
        self._camera = Camera(self._clip, self._first, on=self._on)
        self._camera.attach(media)
        self._microphone = Microphone(media)


class Publishing:
    """Keeps what comes in files, a new one for each time that somebody publishes."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._folder = Path(options["folder"])
        self.factory = GstRtspServer.RTSPMediaFactory()
        self.factory.set_launch(f"( {TARGET} {TARGET_AUDIO if options['audio'] else ''} )")
        self.factory.set_transport_mode(GstRtspServer.RTSPTransportMode.RECORD)
        self.factory.set_latency(0)
        self.factory.connect("media-configure", self._published)

    def obey(self, order: str) -> None:
        raise SystemExit(f"not understood: {order}")

    def _published(self, _: Any, media: Any) -> None:
        name = f"{len(list(self._folder.glob('*.ts'))):04}.ts"
        sink = media.get_element().get_by_name("file")
        sink.set_property("location", str(self._folder / name))


def make_server(host: str, port: int) -> Any:
    """Listens, and forgets clients that went away without a word."""
    server = GstRtspServer.RTSPServer()
    server.set_address(host)
    server.set_service(str(port))
    GLib.timeout_add_seconds(2, lambda: server.get_session_pool().cleanup() >= 0)
    return server


def transports(names: list[str]) -> Any:
    """The transports that clients may choose from."""
    ways = {"tcp": GstRtsp.RTSPLowerTrans.TCP, "udp": GstRtsp.RTSPLowerTrans.UDP}
    chosen = GstRtsp.RTSPLowerTrans(0)
    for name in names:
        chosen |= ways[name]
    return chosen


def protect(server: Any, factory: Any, user: str, password: str, *, digest: bool) -> None:
    """Ask everybody for user and password."""
    auth, token = GstRtspServer.RTSPAuth(), GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", ROLE)
    if digest:
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(user, password, token)
    else:
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    rights = GstRtspServer.RTSPPermissions()
    for right in ("access", "construct"):
        rights.add_permission_for_role(ROLE, f"media.factory.{right}", True)
    factory.set_permissions(rights)
    server.set_auth(auth)


def run(server: Any, obey: Callable[[str], None]) -> None:
    """Serve and take orders until standard input ends."""
    loop, pending = GLib.MainLoop(), bytearray()

    def take(*_: Any) -> bool:
        data = os.read(0, 4096)
        pending.extend(data)
        while b"\n" in pending:
            order, rest = pending.split(b"\n", 1)
            pending[:] = rest
            obey(order.decode())
            print("ok", flush=True)  # noqa: T201 - the answer
        if not data:
            loop.quit()
        return bool(data)

    GLib.io_add_watch(0, GLib.PRIORITY_DEFAULT, GLib.IO_IN | GLib.IO_HUP, take)
    if not server.attach(None):
        raise SystemExit("the port is taken")
    print("ready", flush=True)  # noqa: T201 - the answer to being started
    loop.run()
    os._exit(0)


def main() -> None:
    options = json.loads(sys.argv[1])
    Gst.init(None)
    server = make_server(options["host"], options["port"])
    role = Publishing(options) if "folder" in options else Viewing(options)
    if options["login"]:
        protect(server, role.factory, *options["login"], digest=options["digest"])
    server.get_mount_points().add_factory(MOUNT, role.factory)
    run(server, role.obey)


if __name__ == "__main__":
    main()
