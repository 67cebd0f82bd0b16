"""Recorded video and pictures: anything that FFmpeg reads, through PyAV."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from itertools import chain
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from stream_anon.core.frame import NOMINAL_RATE, Frame, StreamInfo
from stream_anon.core.stream_log import stream_logger
from stream_anon.errors import SourceError
from stream_anon.sources.base import Losses
from stream_anon.sources.decoding.index import KeyframeIndex
from stream_anon.sources.decoding.indexing import Uncertain, index_of
from stream_anon.sources.decoding.kept import read_kept
from stream_anon.sources.decoding.opening import open_input, pixel_aspect, videos_of
from stream_anon.sources.decoding.passes import KeyframePass, WholePass
from stream_anon.sources.decoding.pictures import Upright
from stream_anon.sources.decoding.sizes import largest_size
from stream_anon.sources.decoding.timing import Clock
from stream_anon.sources.ranges import Bounds

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Iterable, Iterator

    import av

    from stream_anon.core.kept import Kept
    from stream_anon.sources.decoding.index import Keyframe
    from stream_anon.sources.ranges import Range

log = stream_logger(__name__)

NEAR_ZERO = 1
"""Seconds within which a file begins at 0."""


class MediaSource:
    """A video file or a picture file; a `SeekableSource`.

    Frames that the decoder reports as damaged, and all after them up to the next intact keyframe,
    are marked `corrupt`. Packets that it refuses are counted in `losses`.

    A range is read from the keyframe before it, where the file has an index of keyframes that can
    be relied on (`index.unusable` says why not), and else from the beginning: slowly, and right.
    """

    def __init__(
        self, path: Path, within: Range | None = None, *, track: int | None = None
    ) -> None:
        """Open the file and decode its first frame.

        Args:
            path: of the file.
            within: the frames to give; None for all.
            track: number of the video track, from 1; None for the one that players show.

        Raises:
            SourceError: missing, unreadable, not a video, or without one frame that decodes.
        """
        self.losses = Losses()
        self._path, self._track = path, track
        self._index: KeyframeIndex | None = None
        self._partial: KeyframePass | None = None
        self._whole = WholePass(path, self.losses, track)
        self._is_fresh = True
        """The pass has given nothing but the first picture."""
        try:
            self._first = self._first_picture()
            self._upright = self._make_upright()
            self.info = self._describe()
        except BaseException:
            self._whole.close()
            raise
        self.seek(within)

    def _first_picture(self) -> tuple[av.VideoFrame, bool]:
        first = next(self._whole.pictures, None)
        if first is None:
            raise SourceError(
                f"no frame of {self._path.name} can be decoded: "
                f"{self.losses.reason or 'the file holds no video data'}"
            )
        return first

    def _make_upright(self) -> Upright:
        whole, first = self._whole, self._first[0]
        grown = None
        if not whole.length.is_indexed:
            grown = largest_size(self._path, whole.stream, first)
        return Upright(first, self._path.name, crop=whole.crop, coded=grown)

    def _describe(self) -> StreamInfo:
        upright, stream, length = self._upright, self._whole.stream, self._whole.length
        aspect = pixel_aspect(stream)
        return StreamInfo(
            label=self._path.name,
            width=upright.size[0],
            height=upright.size[1],
            time_base=stream.time_base or 1 / NOMINAL_RATE,
            rate=length.rate,
            pixel_aspect=1 / aspect if upright.turned else aspect,
            color=upright.color,
            frames=length.frames,
            still=length.is_still,
            converted_from=upright.converted_from,
            zero=self._zero(),
        )

    def _zero(self) -> Fraction:
        """Where the file begins; files that begin near 0 begin at 0."""
        start = self._whole.start
        first = self._first[0]
        if first.pts is not None and first.time_base is not None:
            start = min(start, first.pts * first.time_base)
        return start if abs(start) > NEAR_ZERO else Fraction(0)

    @property
    def notes(self) -> list[str]:
        """Notes for the user: what of the file is not in the frames as it was coded."""
        return [*self._whole.notes, *self._upright.notes]

    def kept(self, wanted: Collection[str]) -> Kept:
        """What of the file's metadata is wanted, and there."""
        return read_kept(self._path, self._first[0], wanted)

    # -- seeking ------------------------------------------------------------------------------

    @property
    def index(self) -> KeyframeIndex:
        """The keyframes. Asked for the first time, it reads the file through, decoding nothing.

        Raises:
            SourceError: the file is not there any more.
        """
        if self._index is None:
            index = index_of(self._path, self._track)
            if doubt := self._doubt(index):
                index = KeyframeIndex(unusable=doubt)
            self._index = index
        return self._index

    def _doubt(self, index: KeyframeIndex) -> str | None:
        """How the first picture contradicts the index; None if it does not."""
        first, suspect = self._first
        if index.unusable:
            return None
        if not index.shown or first.pts != index.shown[0] or suspect or self.losses:
            return "its first frame is not what the container says"
        if self._whole.is_interlaced:
            return "interlaced pictures depend on those before them"
        return None

    def seek(self, within: Range | None) -> None:
        self._bounds = within.bounds(self.info.time_base) if within else Bounds()
        if self._is_fresh:
            return
        self._whole.close()
        self.losses.packets = self.losses.frames = 0
        self.losses.reason = None
        self._whole = WholePass(self._path, self.losses, self._track)
        self._first = self._first_picture()
        self._is_fresh = True

    # -- reading ------------------------------------------------------------------------------

    def frames(self) -> Iterator[Frame]:
        bounds = self._bounds
        entry = self._entry(bounds)
        if entry is not None:
            given: Frame | None = None
            try:
                for frame in self._from_keyframe(entry, bounds):
                    given = frame
                    yield frame
            except Uncertain as uncertain:
                log.info("%s: decoding from the beginning: %s", self._path.name, uncertain)
            else:
                return
            if given is not None:
                bounds = replace(bounds, first_index=None, first_pts=given.pts + 1)
        yield from self._from_beginning(bounds)

    def _entry(self, bounds: Bounds) -> Keyframe | None:
        """Where decoding is to begin; None for the beginning."""
        if not bounds.first_index and bounds.first_pts is None:
            return None
        return self.index.entry(bounds)

    def _from_keyframe(self, entry: Keyframe, bounds: Bounds) -> Iterator[Frame]:
        self._partial = KeyframePass(self._path, self.index, entry, self._track)
        with closing(self._partial) as reading:
            clock = Clock(self.info.time_base, self.info.nominal_rate)
            yield from self._framed(reading.pictures(), clock, bounds, entry.frame)

    def _from_beginning(self, bounds: Bounds) -> Iterator[Frame]:
        reading, self._is_fresh = self._whole, False
        clock = Clock(self.info.time_base, self.info.nominal_rate)
        decoded = yield from self._framed(chain([self._first], reading.pictures), clock, bounds)
        if decoded is not None:
            reading.count_missing(decoded, clock.end)

    def _framed(
        self,
        pictures: Iterable[tuple[av.VideoFrame, bool]],
        clock: Clock,
        bounds: Bounds,
        index: int = 0,
    ) -> Generator[Frame, None, int | None]:
        """Pictures as frames, those that are wanted.

        Returns: the number of all pictures in the video; None where the range ends before.
        """
        upright, time_base = self._upright, self.info.time_base
        upright.pass_over(self._first[0])
        for picture, suspect in pictures:
            pts, duration = clock.stamp(picture)
            if bounds.ends_before(index, pts):
                return None
            if bounds.starts_after(index, pts):
                upright.pass_over(picture)
            else:
                planes, resized = upright.read(picture)
                yield Frame(
                    planes=planes,
                    index=index,
                    pts=pts,
                    time_base=time_base,
                    duration=duration,
                    captured_at=monotonic(),
                    corrupt=suspect,
                    discontinuity=resized,
                )
            index += 1
        return index

    def close(self) -> None:
        self._whole.close()
        if self._partial is not None:
            self._partial.close()


def count_videos(path: Path) -> int:
    """Number of video tracks in a file; cover pictures do not count.

    Raises:
        SourceError: it cannot be read.
    """
    with closing(open_input(path)) as container:
        return len(videos_of(container))


def open_recording(path: str) -> MediaSource:
    """Open what the registry's row for files names."""
    return MediaSource(Path(path))
