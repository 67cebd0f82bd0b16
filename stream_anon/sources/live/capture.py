"""The capture process, which opens, reads and decodes a source: if FFmpeg hangs, only it hangs.

It is told what to open by its parent's first message, never by its arguments, which others see.
It answers "ready", "found" once the source is open, "reading" for what comes before the first
picture, "opened" once there is one to show and, after its parent's "begin", a "frame" for each;
"ended" or "failed" is its last word.
"""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from fractions import Fraction
from itertools import chain
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

import av.error

from stream_anon.core.channel import Channel, Overflow
from stream_anon.core.frame import ColorTags, StreamInfo
from stream_anon.core.live_sound import SoundBlock, pack_sound
from stream_anon.errors import SourceError
from stream_anon.processes.host import ParentPipe, named, serve, within
from stream_anon.processes.wire import Message
from stream_anon.sources.decoding.pictures import Upright
from stream_anon.sources.live.address import GIVES_UP_AFTER
from stream_anon.sources.live.clock import TICKS, TIME_BASE
from stream_anon.sources.live.failures import explain
from stream_anon.sources.live.input import LiveInput
from stream_anon.sources.live.pacing import Pacer, RateMeter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stream_anon.core.frame import Planes
    from stream_anon.sources.base import Losses, Source
    from stream_anon.sources.live.sound import LiveEar

T = TypeVar("T")
WAITING = 2
"""Pictures that wait for the parent. A live source never waits: the oldest is left out."""
OPENING, SILENCE = 2, 3
"""Times `open_timeout` until there is a picture to show, and times `watchdog` until the next one,
before the system ends this process: the parent's own limits are shorter."""
SETTLING = 0.5
"""Seconds in which a burst of old pictures may come; those left out do not count as dropped."""


def main() -> None:
    """Serve one parent."""
    serve(work)


def work(parent: ParentPipe) -> None:
    """Do what the parent's first message asks for."""
    parent.send(Message("ready"))
    order = parent.receive()
    if order is None:
        return
    begin = threading.Event()
    threading.Thread(target=_listen, args=(parent, begin), daemon=True).start()
    ends = bool(order.fields["ends"])
    sender = PictureSender(parent, Overflow.BLOCK if ends else Overflow.DROP_OLDEST)
    try:
        play = play_source if order.fields["opens"] else play_live
        sender.end(play(order.fields, parent, sender, begin))
    except SourceError as error:
        said = str(error).removeprefix(f"{order.fields['label']} ")
        sender.end(_failed(said, permanent=ends))
    except (av.error.FFmpegError, OSError, ValueError) as error:
        said, never = explain(error)
        sender.end(_failed(said, permanent=never))


def _listen(parent: ParentPipe, begin: threading.Event) -> None:
    while (message := parent.receive()) is not None:
        if message.kind == "begin":
            begin.set()
    os._exit(0)


def _failed(said: str, *, permanent: bool) -> Message:
    return Message("failed", {"reason": said, "permanent": permanent})


class PictureSender:
    """Hands pictures to the parent in a thread of its own, so that reading goes on meanwhile."""

    def __init__(self, parent: ParentPipe, overflow: Overflow) -> None:
        self._parent = parent
        self._waiting: Channel[Message] = Channel(WAITING, overflow)
        self._discontinuities = 0
        self._begun: float | None = None
        self._forgiven = 0
        self._ear: LiveEar | None = None
        self._thread = threading.Thread(target=self._hand_over, daemon=True)
        self._thread.start()

    def listen(self, ear: LiveEar) -> None:
        """Send along what it has heard, with whichever picture goes out next."""
        ear.heard()  # what was before
        self._ear = ear

    def put(
        self,
        planes: Planes,
        time: Fraction | None,
        losses: Losses,
        *,
        corrupt: bool,
        discontinuity: bool,
    ) -> None:
        """Args: discontinuity: nothing known of earlier pictures holds for this one."""
        self._discontinuities += discontinuity
        now = monotonic()
        self._begun = self._begun or now
        if now - self._begun < SETTLING:
            self._forgiven = self._waiting.dropped
        fields = {
            "time": None if time is None else str(time),
            "at": now,
            "corrupt": corrupt,
            # A count, because the marked picture may be dropped.
            "discontinuities": self._discontinuities,
            "lost": losses.packets,
            "why": losses.reason,
            "dropped": self._waiting.dropped - self._forgiven,
        }
        self._waiting.put(Message("frame", fields, planes))

    def end(self, last: Message) -> None:
        """Hand over what waits, and the last word."""
        self._waiting.close()
        self._thread.join()
        self._parent.send(last)

    def _hand_over(self) -> None:
        for message in self._waiting:
            self._parent.send(self._with_sound(message))

    def _with_sound(self, message: Message) -> Message:
        """With the sound since the message before: pictures may be left out, sound is not."""
        time = message.fields["time"]
        if self._ear is None or time is None:
            return message
        zero = round(Fraction(time) * TICKS)
        table, planes = pack_sound(
            SoundBlock(block.time - zero, block.samples) for block in self._ear.heard()
        )
        return Message(message.kind, message.fields | {"sound": table}, (*message.planes, *planes))


# -- sources of the registry ------------------------------------------------------------------


def play_source(
    order: dict[str, Any], parent: ParentPipe, sender: PictureSender, begin: threading.Event
) -> Message:
    """What a `Source` reads; one that ends, such as a recorded video, at its own pace."""
    with within(OPENING * order["open_timeout"]):
        source: Source = named(order["opens"])(order["url"])
    parent.send(Message("found"))
    info = replace(source.info, time_base=TIME_BASE, frames=None, still=False, live=True)
    parent.send(Message("opened", info.to_fields()))
    begin.wait()
    pacer = Pacer() if order["ends"] else None
    for frame in _limited(source.frames(), SILENCE * order["watchdog"]):
        time = frame.pts * frame.time_base
        if pacer:
            pacer.wait(time)
        sender.put(
            frame.planes,
            time,
            source.losses,
            corrupt=frame.corrupt,
            discontinuity=frame.discontinuity,
        )
    losses = source.losses
    fields = {"packets": losses.packets, "frames": losses.frames, "reason": losses.reason}
    return Message("ended", fields)


# -- cameras and streams ----------------------------------------------------------------------


def play_live(
    order: dict[str, Any], parent: ParentPipe, sender: PictureSender, begin: threading.Event
) -> Message:
    """A camera or stream, as it comes."""
    with within(OPENING * order["open_timeout"]):
        source = _open(order)
    parent.send(Message("found"))
    with within(OPENING * order["keyframe_timeout"]):
        pictures = source.pictures(lambda: parent.send(Message("reading")))
        first = next(pictures, None)
        if first is None:
            return _failed("it ended before its first complete picture", permanent=False)
        upright = _upright(first[0], order)
        rate = source.rate
        if rate is None and order["size"] is None:
            rate = _measured(source, pictures)
    info = _describe(source, upright, rate, order["label"])
    parent.send(Message("opened", info.to_fields()))
    pacer = Pacer() if source.comes_at_once else None
    listening = False
    for decoded, suspect in chain([first], _limited(pictures, SILENCE * order["watchdog"])):
        planes, resized = upright.read(decoded)
        time = source.time_of(decoded)
        if pacer:
            pacer.wait(time)
        if begin.is_set():
            if source.ear is not None and not listening:
                sender.listen(source.ear)
                listening = True
            sender.put(planes, time, source.losses, corrupt=suspect, discontinuity=resized)
    return Message("ended", {"reason": source.losses.reason})


def _limited(items: Iterator[T], seconds: float) -> Iterator[T]:
    """The same items; the system ends this process where one takes too long to come."""
    while True:
        with within(seconds):
            item = next(items, None)
        if item is None:
            return
        yield item


def _open(order: dict[str, Any]) -> LiveInput:
    limits = (order["open_timeout"], GIVES_UP_AFTER * order["watchdog"])
    return LiveInput(
        order["url"],
        label=order["label"],
        format=order["format"],
        options=order["options"],
        limits=limits,
        audio=order["audio"],
    )


def _upright(first: av.VideoFrame, order: dict[str, Any]) -> Upright:
    size = tuple(order["size"]) if order["size"] else None
    color = ColorTags(*order["color"]) if order["color"] else None
    return Upright(first, order["label"], size, color)


def _measured(source: LiveInput, pictures: Iterator[tuple[av.VideoFrame, bool]]) -> Fraction | None:
    meter = RateMeter()
    for picture, _ in pictures:
        if meter.see(source.time_of(picture)):
            break
    return meter.rate


def _describe(source: LiveInput, upright: Upright, rate: Fraction | None, label: str) -> StreamInfo:
    aspect = source.pixel_aspect
    return StreamInfo(
        label=label,
        width=upright.size[0],
        height=upright.size[1],
        time_base=TIME_BASE,
        rate=rate,
        pixel_aspect=1 / aspect if upright.turned else aspect,
        color=upright.color,
        live=True,
        converted_from=upright.converted_from,
        sound=source.ear is not None,
    )


if __name__ == "__main__":
    main()
