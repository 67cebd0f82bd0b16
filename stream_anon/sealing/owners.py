"""Who is behind each hidden pixel of a frame: nobody's seal may hold anybody else's pixels."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stream_anon.redaction.regions import on_plane

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from stream_anon.core.frame import Plane, Planes
    from stream_anon.core.parts import Part
    from stream_anon.redaction.regions import Region

    Mask = NDArray[np.bool_]

WHOLE = "whole"
"""The owner of frames that are hidden whole."""
Owners = frozenset[str]
"""Tracks that cover a pixel. One that several cover comes back with all of them only."""
SCALES = (1.0, 0.5)
"""Plane pixels per frame pixel: of luma, and of chroma."""


def owner_of(part: Part) -> str:
    """The number of the part's track; the label where it belongs to nobody, as a zone does."""
    return str(part.person) if part.person >= 0 else part.label


def owner_order(owner: str) -> tuple[int, str]:
    """For sorting: tracks by number, others after them."""
    return (int(owner), "") if owner.isdecimal() else (1 << 62, owner)


class Patch(NamedTuple):
    """Pixels of one kind of plane that share their owners."""

    rows: slice
    columns: slice
    mask: Mask
    """Which pixels of that rectangle."""


@dataclass(frozen=True, slots=True)
class Owned:
    """What of a frame belongs to the same owners."""

    luma: Patch | None
    chroma: Patch | None
    """For U and V."""


def owned_in(
    planes: Planes, parts: Sequence[Part], regions: Sequence[Region]
) -> dict[Owners, Owned]:
    """All hidden pixels of a frame by their owners; each pixel is there once at most.

    A pixel is hidden where a region has any opacity, so soft edges are part of it. A chroma sample
    stands for up to four pixels, and belongs to the owners of all of them.
    """
    height, width = planes[0].shape
    luma = _Map((height, width))
    rows, columns = planes[1].shape
    chroma = _Map((rows, columns))
    hidden: Mask = np.zeros((rows, columns), bool)
    for owner, theirs in _by_owner(parts, regions).items():
        for region in theirs:
            if placed := _covered(region, (height, width), SCALES[0]):
                luma.cover(owner, placed)
                chroma.cover(owner, _halved(placed, (rows, columns)))
            if placed := _covered(region, (rows, columns), SCALES[1]):
                chroma.cover(owner, placed)
                hidden[placed.rows, placed.columns] |= placed.mask
    fine, coarse = luma.patches(), chroma.patches(hidden)
    return {
        owners: Owned(fine.get(owners), coarse.get(owners))
        for owners in dict.fromkeys([*fine, *coarse])
    }


def _by_owner(parts: Sequence[Part], regions: Sequence[Region]) -> dict[str, list[Region]]:
    found: defaultdict[str, list[Region]] = defaultdict(list)
    for part, region in zip(parts, regions, strict=True):
        found[owner_of(part)].append(region)
    return found


def _covered(region: Region, shape: tuple[int, int], scale: float) -> Patch | None:
    placed = on_plane(region, shape, scale)
    if placed is None:
        return None
    rows, columns, opacity = placed
    return Patch(rows, columns, np.asarray(opacity > 0, bool))


def _halved(patch: Patch, shape: tuple[int, int]) -> Patch:
    """Chroma samples of which a pixel is in the patch."""
    top, left = patch.rows.start // 2, patch.columns.start // 2
    bottom = min(shape[0], (patch.rows.stop + 1) // 2)
    right = min(shape[1], (patch.columns.stop + 1) // 2)
    even: Mask = np.zeros((2 * (bottom - top), 2 * (right - left)), bool)
    down, across = patch.rows.start - 2 * top, patch.columns.start - 2 * left
    rows, columns = patch.mask.shape
    even[down : down + rows, across : across + columns] = patch.mask
    halves = even[::2, ::2] | even[1::2, ::2] | even[::2, 1::2] | even[1::2, 1::2]
    return Patch(slice(top, bottom), slice(left, right), halves)


class _Map:
    """The owners of each pixel of a plane, as numbers."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self._numbers: NDArray[np.int32] = np.zeros(shape, np.int32)
        self._owners: list[Owners] = [frozenset()]
        self._known: dict[Owners, int] = {frozenset(): 0}
        self._boxes: dict[int, tuple[int, int, int, int]] = {}
        """Top, left, bottom and right of where a number may be."""

    def cover(self, owner: str, patch: Patch) -> None:
        """One owner more for the pixels of a patch; nothing changes where it is one already."""
        there = self._numbers[patch.rows, patch.columns]
        bounds = (patch.rows.start, patch.columns.start, patch.rows.stop, patch.columns.stop)
        if not there.any():  # as a rule: people stand apart
            np.copyto(there, self._number(frozenset({owner}), bounds), where=patch.mask)
            return
        before = there[patch.mask]
        if not before.size:
            return
        after = np.empty_like(before)
        for number in _different(before):
            joined = self._number(self._owners[number] | {owner}, bounds)
            after[before == number] = joined
        there[patch.mask] = after

    def _number(self, owners: Owners, bounds: tuple[int, int, int, int]) -> int:
        number = self._known.setdefault(owners, len(self._owners))
        if number == len(self._owners):
            self._owners.append(owners)
        top, left, bottom, right = self._boxes.get(number, bounds)
        self._boxes[number] = (
            *(min(top, bounds[0]), min(left, bounds[1])),
            *(max(bottom, bounds[2]), max(right, bounds[3])),
        )
        return number

    def patches(self, within: Mask | None = None) -> dict[Owners, Patch]:
        """The pixels of each set of owners, those of `within` only."""
        found: dict[Owners, Patch] = {}
        for number, (top, left, bottom, right) in self._boxes.items():
            rows, columns = slice(top, bottom), slice(left, right)
            mask = self._numbers[rows, columns] == number
            if within is not None:
                mask &= within[rows, columns]
            if mask.any():
                found[self._owners[number]] = _trimmed(Patch(rows, columns, mask))
        return found


def _different(numbers: NDArray[np.int32]) -> Iterable[int]:
    """The numbers that occur."""
    first = int(numbers[0])
    if (numbers == first).all():
        return (first,)
    return [int(number) for number in np.flatnonzero(np.bincount(numbers))]


def _trimmed(patch: Patch) -> Patch:
    """The smallest rectangle around the pixels."""
    down = np.flatnonzero(patch.mask.any(axis=1))
    across = np.flatnonzero(patch.mask.any(axis=0))
    top, bottom = int(down[0]), int(down[-1]) + 1
    left, right = int(across[0]), int(across[-1]) + 1
    return Patch(
        slice(patch.rows.start + top, patch.rows.start + bottom),
        slice(patch.columns.start + left, patch.columns.start + right),
        patch.mask[top:bottom, left:right],
    )


def all_of(planes: Planes) -> Owned:
    """A whole frame."""
    return Owned(_every(planes[0]), _every(planes[1]))


def _every(plane: Plane) -> Patch:
    rows, columns = plane.shape
    return Patch(slice(0, rows), slice(0, columns), np.ones((rows, columns), bool))
