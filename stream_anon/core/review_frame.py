"""Raw pictures for whoever reviews a redaction: they have a way out of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import cv2
import numpy as np

if TYPE_CHECKING:
    from datetime import datetime

    from numpy.typing import NDArray

QUALITY = 85
"""Of the JPEG."""
MEDIA_TYPE = "image/jpeg"
CACHE_CONTROL = "no-store"
"""What goes with the picture wherever it is sent."""
FONT = cv2.FONT_HERSHEY_SIMPLEX
SHADE, INK, GHOST = (29, 25, 22), (240, 240, 240), 0.16
"""Blue, green and red; and how strongly the words lie over the picture."""
LEAST_SCALE, MOST_SCALE = 0.3, 0.9
MARGIN = 4
"""Pixels between the words and the edge."""
ROW = 6
"""Of the height of a line of words lie between two of them."""


class _ReviewerKey:
    """Held by the reviewer and by its transport alone; see `ReviewFrame`."""


_REVIEWER_KEY = _ReviewerKey()


@final
class ReviewFrame:
    """A raw picture as a JPEG, with the name of its operator and the time drawn into it.

    The reviewer makes it from a picture, or its transport from what came out of the reviewer's
    process, and nothing else can. No sink takes it; the page of the review does. It is no
    `RedactedFrame`, and must never be cached.
    """

    jpeg: bytes
    index: int
    """Of the frame."""
    operator: str

    __slots__ = ("index", "jpeg", "operator")

    def __init__(
        self,
        key: _ReviewerKey,
        *,
        picture: NDArray[np.uint8] | None = None,
        jpeg: bytes = b"",
        index: int,
        operator: str,
        at: datetime,
    ) -> None:
        """Draw the words, and encode.

        Args:
            key: see `_ReviewerKey`.
            picture: blue, green and red, (height, width, 3); it is not changed.
            jpeg: instead of it, what the reviewer's process has drawn and encoded already.
            index: of the frame.
            operator: whose review it is.
            at: now, with its zone.

        Raises:
            TypeError: this is not the reviewer.
            ValueError: there is no name, or no picture.
        """
        if key is not _REVIEWER_KEY:
            raise TypeError("only the reviewer can make a ReviewFrame")
        if not operator.strip():
            raise ValueError("a raw picture has an operator's name on it")
        if picture is not None:
            jpeg = _encoded(_marked(picture, _words(operator, at, index)))
        if not jpeg:
            raise ValueError("there is no picture")
        set_once = super().__setattr__
        set_once("jpeg", jpeg)
        set_once("index", index)
        set_once("operator", operator)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a ReviewFrame is immutable: {name} cannot be set")

    def __reduce__(self) -> Any:
        raise TypeError("a ReviewFrame is not stored")

    def __repr__(self) -> str:
        return f"<ReviewFrame {self.index} {len(self.jpeg)} bytes>"


def _words(operator: str, at: datetime, index: int) -> str:
    name = operator.encode("ascii", "backslashreplace").decode()
    return f"{name} {at:%Y-%m-%d %H:%M:%S %Z} frame {index} NOT REDACTED"


def _marked(picture: NDArray[np.uint8], words: str) -> NDArray[np.uint8]:
    """With the words at the bottom, and again and again, faintly, over the picture."""
    height, width = picture.shape[:2]
    scale = min(MOST_SCALE, max(LEAST_SCALE, width / 1800))
    (wide, high), _ = cv2.getTextSize(words, FONT, scale, 1)
    over = picture.copy()
    for n, y in enumerate(range(high * 2, height + high, high * ROW)):
        for x in range(-(n * wide // 3) % (wide + 4 * high) - wide, width, wide + 4 * high):
            cv2.putText(over, words, (x, y), FONT, scale, INK, 1, cv2.LINE_AA)
    marked = np.asarray(cv2.addWeighted(over, GHOST, picture, 1 - GHOST, 0), np.uint8)
    lines = _lines(words, width - 2 * MARGIN, scale)
    for n, line in enumerate(reversed(lines)):
        x, y = MARGIN, height - MARGIN - round(n * 1.6 * high)
        for right, down in ((-1, 0), (1, 0), (0, -1), (0, 1)):  # thicker letters are wider
            place = (x + right, y + down)
            cv2.putText(marked, line, place, FONT, scale, SHADE, 1, cv2.LINE_AA)
        cv2.putText(marked, line, (x, y), FONT, scale, INK, 1, cv2.LINE_AA)
    return marked


def _lines(words: str, width: int, scale: float) -> list[str]:
    """The words in as many lines as they need; nothing is drawn over all of a face for that."""
    lines = [""]
    for word in words.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and cv2.getTextSize(longer, FONT, scale, 1)[0][0] > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _encoded(picture: NDArray[np.uint8]) -> bytes:
    done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not done:
        raise ValueError("the picture cannot be encoded")
    return data.tobytes()
