"""How well a video with known faces was redacted: each face, frame by frame, by `audit.measure`.

For the demo, the bench and the tests, which made the video or know its truth. What users run looks
for the faces by itself: `stream-anon audit`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, cast

import av
import av.error
import numpy as np

from stream_anon.audit.measure import LEAK, Corners, Luma, collateral_share, readable_share
from stream_anon.core.demuxers import open_file
from stream_anon.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

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
