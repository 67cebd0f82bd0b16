"""Redacted frames on their way to a sink in another process."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from stream_anon.core.frame import Stamp
from stream_anon.core.live_sound import pack_sound, unpack_sound
from stream_anon.core.redacted import _REDACTOR_KEY, DebugFrame, RedactedFrame, Unknown
from stream_anon.processes.wire import Message
from stream_anon.sinks.base import check_redacted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stream_anon.core.live_sound import SoundBlock

FRAME, DEBUG = "frame", "debug"
"""Kinds of messages."""


def pack(frame: RedactedFrame, **more: object) -> Message:
    """A message that `unpack` makes the same frame of.

    Raises:
        TypeError: `frame` is not a `RedactedFrame`.
    """
    check_redacted(frame)
    fields = {
        "index": frame.index,
        "pts": frame.pts,
        "time_base": str(frame.time_base),
        "duration": frame.duration,
        "parts_hidden": frame.parts_hidden,
        "hidden_whole": frame.hidden_whole.name if frame.hidden_whole else None,
    }
    return Message(FRAME, fields | more, frame.planes)


def pack_with_sound(frame: RedactedFrame, sound: Sequence[SoundBlock]) -> Message:
    """A message as `pack` makes it, with the sound up to the frame, which `sound_of` gives."""
    table, planes = pack_sound(sound)
    message = pack(frame, sound=table)
    return Message(message.kind, message.fields, (*message.planes, *planes))


def sound_of(message: Message) -> list[SoundBlock]:
    """The sound of a message, by pts."""
    return unpack_sound(message.fields.get("sound", []), message.planes[3:])


def unpack(message: Message) -> RedactedFrame:
    """The frame of a message.

    This makes a `RedactedFrame` without a redactor, in a process that never holds a raw picture:
    what arrives there has been one already.
    """
    fields = message.fields
    y, u, v = message.planes[:3]
    whole = fields["hidden_whole"]
    return RedactedFrame(
        _REDACTOR_KEY,
        planes=(y, u, v),
        stamp=Stamp(
            fields["index"], fields["pts"], Fraction(fields["time_base"]), fields["duration"]
        ),
        raw=None,
        parts_hidden=fields["parts_hidden"],
        hidden_whole=Unknown[whole] if whole else None,
    )


def pack_debug(frame: DebugFrame, **more: object) -> Message:
    """A message with what only a preview may show.

    Raises:
        TypeError: `frame` is not a `DebugFrame`.
    """
    if type(frame) is not DebugFrame:
        raise TypeError(f"a debug view is a DebugFrame, not {type(frame).__name__}")
    return Message(DEBUG, dict(more), frame.planes)


def unpack_debug(message: Message) -> DebugFrame:
    """The debug view of a message, as `unpack`."""
    y, u, v = message.planes
    return DebugFrame(_REDACTOR_KEY, (y, u, v), raw=None)
