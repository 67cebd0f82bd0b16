"""What a live recording still shows of the faces in a serving clip, told by frame numbers."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from stream_anon.audit.measure import LEAK, readable_share
from tests.live.clips import read_number

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from tests.live.clips import ServingClip


SMOOTH = 0.5
"""Grey levels from pixel to pixel: pictures hidden whole have less, away from the words on them."""


@dataclass(slots=True)
class Exposure:
    """What was seen."""

    frames: int = 0
    """Pictures in the recording."""
    slates: int = 0
    """Pictures that are hidden whole."""
    guessed: int = 0
    """Pictures whose number lies under a mask; their time tells it."""
    missing: int = 0
    """Frames of the clip that were left out between those that came."""
    faces: int = 0
    leaked: int = 0
    where: list[tuple[int, int]] = field(default_factory=list)
    """Person and number of the frame of each leak."""
    runs: list[int] = field(default_factory=list)
    """Lengths of all runs of pictures in a row in which one person's face can be seen."""

    @property
    def longest(self) -> int:
        return max(self.runs, default=0)


def exposure(clip: ServingClip, recording: Path) -> Exposure:
    """Compare each picture of the recording with the frame that it was made of."""
    found = Exposure()
    originals = list(_lumas(clip.path))
    seen: dict[int, list[bool]] = {}
    last: tuple[int, float] | None = None
    for time, luma in _timed_lumas(recording):
        found.frames += 1
        number = read_number(luma)
        if number is None and last is not None and not _is_slate(luma):  # a mask lies over it
            number = (last[0] + round((time - last[1]) * clip.rate)) % clip.frames
            found.guessed += 1
        if number is None:
            found.slates += 1
            for history in seen.values():
                history.append(False)
            continue
        if last is not None:
            found.missing += (number - last[0]) % clip.frames - 1
        last = number, time
        _compare(found, number, originals[number], luma, clip.faces[number], seen)
    for history in seen.values():
        found.runs += [sum(1 for _ in run) for leaks, run in groupby(history) if leaks]
    return found


def _is_slate(luma: NDArray[np.uint8]) -> bool:
    rows = luma.shape[0]
    quiet = np.concatenate([luma[rows // 10 : rows // 3], luma[2 * rows // 3 :]]).astype(np.int16)
    return float(np.abs(np.diff(quiet, axis=1)).mean()) < SMOOTH


def _compare(
    found: Exposure,
    number: int,
    original: NDArray[np.uint8],
    luma: NDArray[np.uint8],
    faces: dict[int, tuple[float, float, float, float]],
    seen: dict[int, list[bool]],
) -> None:
    for person in {*faces, *seen}:
        leaks = False
        if person in faces:
            share = readable_share(original, luma, faces[person])
            if share is not None:
                found.faces += 1
                leaks = share > LEAK
                found.leaked += leaks
                found.where += [(person, number)] * leaks
        seen.setdefault(person, []).append(leaks)


def _lumas(path: Path) -> Iterator[NDArray[np.uint8]]:
    return (luma for _, luma in _timed_lumas(path))


def _timed_lumas(path: Path) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    # A file whose writer was killed may end in the middle of a picture.
    with suppress(av.error.InvalidDataError), av.open(str(path)) as container:
        for picture in container.decode(video=0):
            plane: Any = picture.planes[0]
            rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
            yield picture.time or 0.0, rows[: picture.height, : picture.width].copy()
