"""Runs of the masker with a body parser over synthetic people, and what is left to be seen."""

from __future__ import annotations

from time import monotonic, sleep
from typing import TYPE_CHECKING

import numpy as np

from stream_anon.config import load_settings
from stream_anon.core.frame import Frame
from stream_anon.core.parts import Box, Part
from stream_anon.core.redacted import MaskedFrame, Unknown
from stream_anon.detectors.base import DetectionPass
from stream_anon.redaction.redactor import Redactor
from tests.people import HEIGHT, WIDTH, PeopleParser, Shape
from tests.stubs import StubParser, make_info, masker_of, nobody

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

HAIR = Shape("hair", 0, (60, 60, 60, 50), (2, 0))
ARM = Shape("left-arm", 1, (300, 120, 40, 90), (-3, 1), "hook")
COUNT = 60
SECOND = 25
"""Frames."""
OPAQUE = 230
"""Video white is 235, and nothing in the scenes is nearly as bright."""
WAIT = 10.0
"""Seconds that another thread gets."""


def masks_with(
    body_parser: PeopleParser,
    frames: Sequence[Frame],
    *,
    hidden: frozenset[str] = frozenset({"hair", "left-arm"}),
    faces: StubParser | None = None,
    live: bool = False,
    paced: Callable[[Frame], object] = lambda _frame: None,
    **overrides: object,
) -> list[MaskedFrame]:
    values = {key.replace("__", "."): value for key, value in overrides.items()}
    if live:  # one name for both horizons
        renamed = {"masking.lookahead": "live.lookahead", "masking.linger": "live.linger"}
        values = {renamed.get(key, key): value for key, value in values.items()}
    masker = masker_of(
        faces or StubParser(nobody),
        make_info(WIDTH, HEIGHT),
        values,
        hidden=hidden,
        bodies=body_parser,
        live=live,
    )

    def one_by_one() -> Iterator[Frame]:
        for frame in frames:
            paced(frame)
            yield frame

    return list(masker.masks(one_by_one()))


def changed(masked: MaskedFrame) -> NDArray[np.bool_]:
    """(HEIGHT, WIDTH): which pixels redaction replaces, all of them where it hides the frame."""
    if isinstance(masked.parts, Unknown):
        return np.ones((HEIGHT, WIDTH), bool)
    settings = load_settings(None, {"redaction.method": "fill", "redaction.color": "#ffffff"})
    redacted = Redactor(settings.redaction, make_info().color).redact(masked)
    return np.asarray(redacted.planes[0] >= OPAQUE)


def visible(shape: Shape, masked: MaskedFrame) -> float:
    """Share of the part that is left as it was."""
    inside = shape.inside(masked.frame.index)
    return float((~changed(masked))[inside].mean()) if inside.any() else 0.0


def visible_at(shape: Shape, masked: MaskedFrame) -> float:
    """The same for a shape that says where it is in this very frame."""
    return float((~changed(masked))[shape.inside(0)].mean())


class WholePerson(PeopleParser):
    """Answers with one part in the form of all shapes together."""

    def parse(self, frame: Frame, detection_pass: DetectionPass) -> list[Part]:
        self.asked.append(frame.index)
        inside = np.any([shape.inside(0) for shape in self._shapes(frame.index)], 0)
        rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
        top, left, bottom, right = rows[0], columns[0], rows[-1] + 1, columns[-1] + 1
        box = Box(int(left), int(top), int(right - left), int(bottom - top))
        return [Part("human", box, inside[top:bottom, left:right].astype(np.uint8) * 255, 0.9, 0)]


def wait_until(done: Callable[[], bool]) -> None:
    deadline = monotonic() + WAIT
    while not done():
        assert monotonic() < deadline
        sleep(0.001)
