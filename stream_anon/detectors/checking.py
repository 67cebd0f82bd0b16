"""Validation of a detector's answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stream_anon.core.parts import INSIDE, Part
from stream_anon.errors import ParserError, StreamAnonError

if TYPE_CHECKING:
    from stream_anon.core.frame import Frame
    from stream_anon.detectors.base import DetectionPass, Detector

MAX_REACH = 1e6
"""Pixels from the frame's corner beyond which a box is nonsense."""


def checked_answer(parser: Detector, frame: Frame, detection_pass: DetectionPass) -> list[Part]:
    """Ask `parser`, and refuse anything that could leave somebody visible unnoticed.

    Raises:
        ParserError: it raised, or answered with something else than parts with labels of its own,
            scores of 0..1 and boxes near the frame.
    """
    try:
        parts = parser.parse(frame, detection_pass)
    except StreamAnonError:
        raise
    except Exception as error:
        # The text of a foreign error may quote what it was given: pixels.
        what = type(error).__name__
        raise ParserError(f"{parser.name} failed on {frame} with {what}") from error
    if not isinstance(parts, list):
        raise ParserError(f"{parser.name} answered {frame} with {type(parts).__name__}, not a list")
    for part in parts:
        if wrong := _what_is_wrong(part, parser):
            raise ParserError(f"{parser.name} answered {frame} with {wrong}")
    return parts


def _what_is_wrong(part: object, parser: Detector) -> str | None:
    if not isinstance(part, Part):
        return f"{type(part).__name__} in place of a part"
    if part.label not in parser.labels:
        return f"the label {part.label!r}, which it does not declare"
    if not 0 <= part.score <= 1:
        return f"a score of {part.score:g}"
    if max(map(abs, part.box)) > MAX_REACH:
        return "a box far outside of the frame"
    if part.mask.max() < INSIDE:
        return f"a {part.label} whose mask hides nothing"
    return None
