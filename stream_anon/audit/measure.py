"""Measures what a redacted video still shows of faces whose places are known.

It looks at pixels only and knows nothing of how they were hidden, so it can judge any tool. A face
counts as leaked where its features (eyes, nose, mouth) stand in the same places as before with much
of their contrast, over more than a quarter of the face.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, cast

import av
import av.error
import cv2
import numpy as np
from numpy.typing import NDArray

from stream_anon.core.demuxers import open_file
from stream_anon.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

Luma = NDArray[np.uint8]
Detail = NDArray[np.float32]
Corners = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels."""

GRID = 6
"""Cells along each side of a face's box."""
MIN_FACE = 18
"""Faces with a shorter side, in pixels, have too few pixels in a cell to compare anything."""
MIN_CELL = 0.25
"""Cells with less than this share inside the face's oval are left out."""
SAME_SHAPE = 0.6
"""Correlation above which a cell shows what it showed before."""
SAME_CONTRAST = 0.35
"""Share of the original contrast above which that can be seen."""
FLAT = 0.8
"""Cells whose detail has a smaller standard deviation, in grey levels, showed nothing before."""
LEAK = 0.25
"""Share of readable cells above which a face leaks."""
ROOM = 0.6
"""Share of a face's box on each side, for hair and ears, whose change is not collateral damage."""
CHANGED = 14
"""Mean difference in grey levels, over 9x9 pixels, above which a place counts as changed."""

_LUMA_FIRST = {
    "yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "nv12", "gray"
}  # fmt: skip
"""Formats whose plane 0 is luma of 8 bits."""


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What an audit found. One person in one frame counts as one face."""

    frames_in: int
    """Frames in the original."""
    frames_out: int
    """Frames in the redacted video; frames are paired by order, the rest is not compared."""
    faces: int
    """Faces compared; those smaller than `MIN_FACE` are not."""
    leaked: int
    """Faces that can be recognised by their features."""
    longest_exposure: int
    """Longest run of consecutive frames in which the same person leaks."""
    coverage: float
    """Share of the faces that do not leak, 0..1; 1 where there were none to compare."""
    collateral: float
    """Share of the picture away from faces that changed, 0..1, averaged over frames."""

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def audit(original: Path, redacted: Path, faces: Sequence[Mapping[int, Corners]]) -> AuditReport:
    """Compare a video with its redacted version.

    Args:
        original: the video with the faces.
        redacted: the same video after redaction; it may be one pixel larger or smaller.
        faces: for each frame, person → box (x1, y1, x2, y2) in pixels of the upright picture.
            Frames beyond its end count as frames without faces.

    Raises:
        SourceError: a file cannot be read, or the two pictures differ in size.
    """
    tally = _Tally()
    for index, (before, after) in enumerate(zip_longest(_lumas(original), _lumas(redacted))):
        tally.frames_in += before is not None
        tally.frames_out += after is not None
        if before is not None and after is not None:
            tally.compare(*_same_size(before, after), faces[index] if index < len(faces) else {})
    return tally.report()


@dataclass(slots=True)
class _Tally:
    """Sums up an audit frame by frame."""

    frames_in: int = 0
    frames_out: int = 0
    faces: int = 0
    leaked: int = 0
    longest_exposure: int = 0
    exposed: dict[int, int] = field(default_factory=dict)
    """For how many frames each person who leaks now has done so."""
    collateral: list[float] = field(default_factory=list)

    def compare(self, before: Luma, after: Luma, known: Mapping[int, Corners]) -> None:
        shares = {person: readable_share(before, after, box) for person, box in known.items()}
        leaking = [person for person, share in shares.items() if share is not None and share > LEAK]
        self.exposed = {person: self.exposed.get(person, 0) + 1 for person in leaking}
        self.faces += sum(share is not None for share in shares.values())
        self.leaked += len(leaking)
        self.longest_exposure = max(self.longest_exposure, *self.exposed.values(), 0)
        self.collateral.append(collateral_share(before, after, known.values()))

    def report(self) -> AuditReport:
        return AuditReport(
            frames_in=self.frames_in,
            frames_out=self.frames_out,
            faces=self.faces,
            leaked=self.leaked,
            longest_exposure=self.longest_exposure,
            coverage=1 - self.leaked / self.faces if self.faces else 1.0,
            collateral=float(np.mean(self.collateral)) if self.collateral else 0.0,
        )


def readable_share(original: Luma, redacted: Luma, box: Corners) -> float | None:
    """How much of one face can still be made out.

    Args:
        original: luma, uint8 (height, width).
        redacted: luma of the same shape.
        box: x1, y1, x2, y2 around the face in pixels; may reach beyond the picture.

    Returns:
        The share of cells, 0..1, that show the same features as before; above `LEAK` the face
        leaks. None where the face is outside the picture or smaller than `MIN_FACE`.
    """
    x1, y1, x2, y2 = box
    if min(x2 - x1, y2 - y1) < MIN_FACE:
        return None
    coarse = max(1.2, (x2 - x1) / 10)
    fine = max(0.6, coarse / 4)
    margin = math.ceil(3 * coarse)
    left, top = max(0, math.floor(x1) - margin), max(0, math.floor(y1) - margin)
    near = np.s_[top : max(0, math.ceil(y2) + margin), left : max(0, math.ceil(x2) + margin)]
    if original[near].size == 0:
        return None
    cells = _cells(original[near].shape, (x1 - left, y1 - top, x2 - left, y2 - top))
    readable = _readable(
        _detail(original[near], fine, coarse), _detail(redacted[near], fine, coarse), cells
    )
    full = (x2 - x1) * (y2 - y1) / GRID**2
    large_enough = np.bincount(cells.ravel(), minlength=GRID**2 + 1)[:-1] >= MIN_CELL * full
    return float(readable[large_enough].mean()) if large_enough.any() else None


def collateral_share(original: Luma, redacted: Luma, boxes: Iterable[Corners]) -> float:
    """Share of the pixels away from all faces, 0..1, that changed noticeably.

    Args:
        original: luma, uint8 (height, width).
        redacted: luma of the same shape.
        boxes: x1, y1, x2, y2 around each face in pixels.

    Returns:
        0 where faces leave nothing of the picture.
    """
    away = np.ones(original.shape, np.bool_)
    for x1, y1, x2, y2 in boxes:
        dx, dy = ROOM * (x2 - x1), ROOM * (y2 - y1)
        rows = slice(max(0, math.floor(y1 - dy)), max(0, math.ceil(y2 + dy)))
        columns = slice(max(0, math.floor(x1 - dx)), max(0, math.ceil(x2 + dx)))
        away[rows, columns] = False
    changed = np.asarray(cv2.blur(cv2.absdiff(original, redacted), (9, 9))) > CHANGED
    return float(changed[away].mean()) if away.any() else 0.0


def _cells(shape: tuple[int, ...], box: Corners) -> NDArray[np.intp]:
    """The number of the cell that each pixel belongs to; GRID² outside the face's oval."""
    x1, y1, x2, y2 = box
    across = ((np.arange(shape[1]) + 0.5 - x1) / (x2 - x1))[None, :]
    down = ((np.arange(shape[0]) + 0.5 - y1) / (y2 - y1))[:, None]
    inside = (2 * across - 1) ** 2 + (2 * down - 1) ** 2 < 1
    number = np.floor(down * GRID) * GRID + np.floor(across * GRID)
    return np.where(inside, number, GRID**2).astype(np.intp)


def _detail(luma: Luma, fine: float, coarse: float) -> Detail:
    """What is larger than `fine` and smaller than `coarse` (standard deviations in pixels)."""
    picture = luma.astype(np.float32)
    edge = cv2.BORDER_REPLICATE
    sharp = cv2.GaussianBlur(picture, (0, 0), fine, borderType=edge)
    return np.asarray(sharp - cv2.GaussianBlur(picture, (0, 0), coarse, borderType=edge))


def _readable(before: Detail, after: Detail, cells: NDArray[np.intp]) -> NDArray[np.bool_]:
    """For each cell: does it show the same, with enough contrast?"""
    pixels = np.maximum(np.bincount(cells.ravel(), minlength=GRID**2 + 1), 1)

    def mean(values: Detail) -> NDArray[np.float64]:
        sums = np.bincount(cells.ravel(), weights=values.ravel(), minlength=GRID**2 + 1)
        return (sums / pixels)[:-1]

    std_before = np.sqrt(np.maximum(mean(before * before) - mean(before) ** 2, 0))
    std_after = np.sqrt(np.maximum(mean(after * after) - mean(after) ** 2, 0))
    covariance = mean(before * after) - mean(before) * mean(after)
    same_shape = covariance > SAME_SHAPE * std_before * std_after
    return (std_before >= FLAT) & same_shape & (std_after > SAME_CONTRAST * std_before)


def _lumas(path: Path) -> Iterator[Luma]:
    try:
        with open_file(path) as container:
            if not container.streams.video:
                raise SourceError(f"{path.name} contains no video")
            for frame in container.decode(video=0):
                yield _luma(frame)
    except (av.error.FFmpegError, OSError) as error:
        raise SourceError(f"{path} cannot be read: check that it is a complete video") from error


def _luma(frame: av.VideoFrame) -> Luma:
    """The upright picture's luma, uint8 (height, width)."""
    if frame.format.name not in _LUMA_FIRST:
        frame = frame.reformat(format="yuv420p")
    plane = frame.planes[0]
    buffer = cast("bytes", plane)  # which PyAV's type stubs do not say
    rows = np.frombuffer(buffer, np.uint8).reshape(-1, plane.line_size)
    return np.rot90(rows[: plane.height, : plane.width], frame.rotation // 90)


def _same_size(before: Luma, after: Luma) -> tuple[Luma, Luma]:
    """Crop what was padded to an even size."""
    if any(abs(a - b) > 1 for a, b in zip(before.shape, after.shape, strict=True)):
        (rows, columns), (other_rows, other_columns) = before.shape, after.shape
        raise SourceError(
            f"the original has {columns}x{rows} pixels but the redacted video "
            f"{other_columns}x{other_rows}: they are not the same video"
        )
    rows, columns = np.minimum(before.shape, after.shape)
    crop = np.s_[:rows, :columns]
    return np.ascontiguousarray(before[crop]), np.ascontiguousarray(after[crop])
