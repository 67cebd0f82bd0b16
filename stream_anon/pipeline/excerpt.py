"""A part of a recording: what of it is read, what is searched, and what may be seen."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING

from stream_anon.core.redacted import MaskedFrame, Unknown
from stream_anon.detectors.labels import SCENE_LABELS
from stream_anon.detectors.scopes import names_any
from stream_anon.errors import ConfigError
from stream_anon.sources.ranges import TimeRange

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from stream_anon.config import Settings
    from stream_anon.core.frame import Frame, StreamInfo
    from stream_anon.pipeline.threads import MaskSource
    from stream_anon.sources.ranges import Bounds

_SLACK = Fraction(1, 2)
"""Seconds searched beyond what the last frame of an excerpt waits for."""
_FINEST = 1_000_000
"""Parts of a second that are told apart."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The part that is redacted; what lies outside is never shown as it was.

    Frames outside are hidden whole, or with `trim` left out.
    """

    begin: float | Fraction | None = None
    """Seconds from the beginning of the recording; None for its beginning."""
    end: float | Fraction | None = None
    """Frames shown then or later lie outside; None for the end of the recording."""
    trim: bool = False
    """The output holds the part alone, and begins at 0."""

    def __post_init__(self) -> None:
        if self.begin is None and self.end is None:
            raise ConfigError("there is nothing to trim to: name --from, --to or both")
        if min(self.begin or 0, self.end or 0) < 0:
            raise ConfigError("a range counts from the beginning: its times cannot be negative")
        if self.end is not None and self.end <= (self.begin or 0):
            raise ConfigError(
                f"a range cannot end (--to) at {float(self.end):g} s and begin (--from) at "
                f"{float(self.begin or 0):g} s: exchange them"
            )

    @property
    def text(self) -> str:
        """For messages."""
        end = "the end" if self.end is None else f"{float(self.end):g} s"
        return f"{float(self.begin or 0):g} s to {end}"

    def to_dict(self) -> dict[str, float | bool | None]:
        """For JSON."""
        return {
            "from": float(self.begin or 0),
            "to": None if self.end is None else float(self.end),
            "trim": self.trim,
        }

    def shown(self, info: StreamInfo) -> TimeRange:
        """The part itself, in the recording's own time."""
        return TimeRange(
            info.zero + _exact(self.begin or 0),
            None if self.end is None else info.zero + _exact(self.end),
        )

    def searched(self, settings: Settings, info: StreamInfo) -> TimeRange:
        """With what is before and after it, so that its frames are hidden as in a run on all.

        Before it, everybody is found and followed into it; after it, as much as its last frame
        waits for. Whoever stands in front of a scene is told from it by what it was before.
        """
        part, masking, keyframes = self.shown(info), settings.masking, settings.keyframes
        longest = max(masking.lookahead, keyframes.deep_interval, keyframes.parse_interval)
        before = _exact(2 * longest + masking.linger)
        if names_any(settings.redaction.scope, SCENE_LABELS):
            scene, past = settings.background, part.start - info.zero
            remembered = 2 * scene.learn + scene.absorb if scene.absorb else past
            before = max(before, _exact(min(past, remembered)))
        after = _exact(masking.lookahead) + _SLACK
        return TimeRange(part.start, None if part.end is None else part.end + after, before)

    def frames(self, info: StreamInfo) -> int | None:
        """Expected number of frames in the output, for the progress."""
        if not self.trim or info.frames is None:
            return info.frames
        before = int(_exact(self.begin or 0) * info.nominal_rate)
        end = info.frames if self.end is None else int(_exact(self.end) * info.nominal_rate)
        return max(0, min(info.frames, end) - before)


@dataclass(frozen=True, slots=True)
class Selection:
    """What of an input is redacted."""

    excerpt: Excerpt | None = None
    """None for all of it."""
    video_track: int | None = None
    """None for the one that players show."""

    def to_dict(self) -> dict[str, object]:
        """For the report."""
        excerpt = None if self.excerpt is None else self.excerpt.to_dict()
        return {"range": excerpt, "video_track": self.video_track}


def select(
    begin: float | Fraction | None,
    end: float | Fraction | None,
    video_track: int | None,
    *,
    trim: bool,
) -> Selection:
    """What a user asks for.

    Raises:
        ConfigError: it makes no sense.
    """
    if video_track is not None and video_track < 1:
        raise ConfigError(f"video tracks count from 1: {video_track} is none of them")
    if begin is None and end is None and not trim:
        return Selection(video_track=video_track)
    return Selection(Excerpt(begin, end, trim), video_track)


def _exact(seconds: float | Fraction) -> Fraction:
    return Fraction(seconds).limit_denominator(_FINEST)


class ExcerptMasker:
    """The masks of an excerpt from another source of masks, which sees no frame far outside."""

    def __init__(
        self, inner: MaskSource, excerpt: Excerpt, settings: Settings, info: StreamInfo
    ) -> None:
        """Args: inner: masks of what is searched. info: of the recording."""
        self._inner, self._excerpt, self._info = inner, excerpt, info
        self._shown = excerpt.shown(info).bounds(info.time_base)
        self._searched = excerpt.searched(settings, info).bounds(info.time_base)
        self._found = 0

    def masks(self, frames: Iterable[Frame]) -> Iterator[MaskedFrame]:
        """Every frame that the output has, in order: outside of the part, hidden whole."""
        coming = iter(frames)
        for first in coming:
            if not self._searched.starts_after(first.index, first.pts):
                break
            yield from self._outside(first)
        else:
            return
        searched = _Head(chain([first], coming), self._searched)
        for masked in self._inner.masks(searched):
            frame = masked.frame
            if _within(self._shown, frame):
                self._found += 1
                yield masked
            else:
                yield from self._outside(frame)
        for frame in searched.rest():
            yield from self._outside(frame)

    def _outside(self, frame: Frame) -> Iterator[MaskedFrame]:
        if not self._excerpt.trim:
            yield MaskedFrame(frame, Unknown.CORRUPT if frame.corrupt else Unknown.OUTSIDE)

    def check_found(self) -> None:
        """At the end.

        Raises:
            ConfigError: there was no frame in the part.
        """
        if self._found:
            return
        info = self._info
        lasts = f" (about {float(info.frames / info.nominal_rate):.1f} s)" if info.frames else ""
        raise ConfigError(
            f"{info.label} has no frame from {self._excerpt.text}: choose --from and --to within "
            f"its length{lasts}"
        )


class _Head:
    """Frames up to the end of a range; whoever wants to goes on with the rest after that."""

    def __init__(self, frames: Iterator[Frame], bounds: Bounds) -> None:
        self._frames, self._bounds = frames, bounds
        self._beyond: list[Frame] = []

    def __iter__(self) -> Iterator[Frame]:
        for frame in self._frames:
            if self._bounds.ends_before(frame.index, frame.pts):
                self._beyond.append(frame)
                return
            yield frame

    def rest(self) -> Iterator[Frame]:
        return chain(self._beyond, self._frames)


def _within(bounds: Bounds, frame: Frame) -> bool:
    at = frame.index, frame.pts
    return not bounds.starts_after(*at) and not bounds.ends_before(*at)
