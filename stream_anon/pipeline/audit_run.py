"""The two videos of an audit and its detector, opened."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import av.error
import numpy as np

from stream_anon.audit import aligning, comparing, judging, looking, measure, search, tracing
from stream_anon.audit.aligning import Fit, Span, span_of
from stream_anon.audit.comparing import Comparison
from stream_anon.audit.custody import hash_of, program_sha256
from stream_anon.audit.findings import Findings
from stream_anon.audit.given import with_tracks
from stream_anon.audit.leftovers import leftovers
from stream_anon.audit.looking import Looker
from stream_anon.audit.pairing import matching
from stream_anon.audit.people import within
from stream_anon.audit.search import Search
from stream_anon.config import Settings
from stream_anon.core.credentials import printable
from stream_anon.core.demuxers import demux
from stream_anon.core.files import HashedFile
from stream_anon.detectors.base import Loading
from stream_anon.detectors.registry import BUILT_IN
from stream_anon.errors import ConfigError, SourceError
from stream_anon.pipeline.audit_cut import cut_beside
from stream_anon.pipeline.report import package_version
from stream_anon.sources.decoding.opening import choose_video, open_input
from stream_anon.sources.file import MediaSource

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stream_anon.audit.aligning import Cut
    from stream_anon.audit.pairing import Matching
    from stream_anon.audit.people import Person
    from stream_anon.core.frame import StreamInfo
    from stream_anon.detectors.base import Detector
    from stream_anon.masking.tracks_file import TracksFile

DETECTOR = "centerface"
LEAST_SCORE = 0.3
"""Answers of the detector below this are left out."""
_ODD = 1
"""Pixels by which sizes may differ: an encoder's padding."""


class Told(Protocol):
    """Called with what is being done, the frames done and how many there are, if known."""

    def __call__(self, what: str, done: int, total: int | None) -> None: ...


class AuditRun:
    """The two videos and the detector, opened; closed with `stack`."""

    def __init__(
        self,
        stack: ExitStack,
        original: Path,
        redacted: Path,
        video_track: int | None,
        told: Told,
        cut: Cut | None = None,
    ) -> None:
        self._told = told
        self.original, self.redacted = HashedFile(original), HashedFile(redacted)
        self._before = MediaSource(original, track=video_track)
        stack.callback(self._before.close)
        self._after = MediaSource(redacted)
        stack.callback(self._after.close)
        self._check_sizes()
        self.cut = None if self._before.info.still else cut or self._reported()
        """The part of the original that the redacted video shows; None for all of it."""
        self._fit = Fit() if self.cut is not None else None
        self._detectors = _detectors(stack, self._before.info)
        self._looker = Looker(*self._detectors)

    def _reported(self) -> Cut | None:
        return cut_beside(self.original, self.redacted)

    def _check_sizes(self) -> None:
        before, after = self._before.info, self._after.info
        if max(abs(before.width - after.width), abs(before.height - after.height)) > _ODD:
            raise SourceError(
                f"the original has {before.width}x{before.height} pixels but the redacted video "
                f"{after.width}x{after.height}: they are not the same video"
            )

    def check_tracks(self, tracks: TracksFile) -> None:
        """Refuse tracks of another video."""
        info = self._before.info
        if (tracks.width, tracks.height) != (info.width, info.height):
            raise ConfigError(
                f"the tracks are for {tracks.width}x{tracks.height}, "
                f"but {info.label} is {info.width}x{info.height}"
            )
        if tracks.input_sha256 and tracks.input_sha256 != self.original.sha256:
            raise ConfigError(
                f"the tracks were made from another file than {self.original.path.name}: remove "
                "input_sha256 from the tracks file to use them anyway"
            )

    def findings(self, tracks: TracksFile | None) -> Findings:
        """Do it."""
        people, times = self._search()
        if tracks is not None:
            people = with_tracks(people, tracks, len(times))
        packets = _packet_times(self.redacted.path)
        span = self._span(times, packets)
        people = within(people, span.start, span.stop)
        sure = [person for person in people if person.believed]
        doubtful = [person for person in people if not person.believed]
        how = matching(times[span.start : span.stop], packets, span.late)
        rate = float(self._before.info.nominal_rate)
        comparison = Comparison([*sure, *doubtful], self._looker, how, rate)
        self._compare(comparison, how, span, len(times))
        shift = self._fit.shift() if self._fit is not None else None
        return Findings(
            people=sure,
            doubtful=doubtful,
            counts=comparison.counts,
            course=comparison.course,
            leftovers=leftovers(self.redacted.path, self.original.path),
            by_time=how.by_time,
            delay=how.offset - span.late,
            cut=self.cut,
            elsewhere=None if shift is None else self._since_begin(times[span.start + shift]),
            thumbnails=comparison.thumbnails,
            notes=self._notes(),
        )

    def _span(self, times: NDArray[np.float64], packets: NDArray[np.float64]) -> Span:
        """The frames of the original that the redacted video should show.

        Raises:
            ConfigError: there are none.
        """
        before, after = self._before.info, self._after.info
        if self.cut is None:
            return Span(0, len(times), float(after.zero - before.zero))
        span = span_of(self.cut, times, packets, float(before.zero), float(after.zero))
        lasts = self._since_begin(times[-1]) if len(times) else 0.0
        if span.start >= span.stop or self.cut.begin > lasts + 1 / float(before.nominal_rate):
            raise ConfigError(
                f"the original has no frame from {self.cut.begin:g} s on, where the redacted video "
                f"begins according to {self.cut.source}: it ends at {lasts:.2f} s"
            )
        return span

    def _since_begin(self, time: float) -> float:
        return float(time) - float(self._before.info.zero)

    def _compare(self, comparison: Comparison, how: Matching, span: Span, total: int) -> None:
        """Feed all frames of both videos, those outside of the part that was redacted too."""
        self._before.seek(None)
        frames = self._before.frames()
        for frame in islice(frames, span.start):
            comparison.skip(frame)
            self._told("comparing", comparison.counts.outside, total)
        for pair in how.pairs(islice(frames, span.stop - span.start), self._after.frames()):
            comparison.feed(pair)
            if self._fit is not None and pair.before is not None and pair.after is not None:
                self._fit.see_pair(pair.before.index, pair.after)
            self._told("comparing", comparison.counts.outside + comparison.counts.original, total)
        for frame in frames:
            comparison.skip(frame)

    def _search(self) -> tuple[list[Person], NDArray[np.float64]]:
        looking_for = Search(self._looker, self._before.info)
        times: list[float] = []
        for frame in self._before.frames():
            looking_for.feed(frame)
            times.append(frame.time)
            if self._fit is not None:
                self._fit.see_original(frame)
            self._told("looking for faces", len(times), self._before.info.frames)
        return looking_for.people(), np.array(times)

    def _notes(self) -> list[str]:
        notes = [f"original: {note}" for note in self._before.notes]
        notes += [f"redacted: {note}" for note in self._after.notes]
        for name, source in (("original", self._before), ("redacted video", self._after)):
            if source.losses:
                notes.append(
                    f"part of the {name} could not be read: {source.losses.reason or 'damage'}"
                )
        return notes

    def record(self, findings: Findings) -> dict[str, Any]:
        """For JSON, with the hashes of everything that took part.

        Raises:
            SourceError: a video changed while it was read.
        """
        for file in (self.original, self.redacted):
            if file.final_hash() is None:
                raise SourceError(
                    f"{file.path} changed while it was read: wait until nothing writes to it, "
                    "and run again"
                )
        settings = settings_of_audits()
        return {
            "stream_anon_audit": 1,
            "program": {"version": package_version(), "sha256": program_sha256()},
            "original": _named(self.original),
            "redacted": _named(self.redacted),
            "detector": {
                "name": self._detectors[0].name,
                "model_sha256": self._detectors[0].model_hash,
            },
            "settings": settings,
            "settings_sha256": hash_of(settings),
            **findings.to_dict(),
        }


def _named(file: HashedFile) -> dict[str, str | None]:
    return {"name": printable(file.path.name), "sha256": file.final_hash()}


def settings_of_audits() -> dict[str, Any]:
    """The constants that findings depend on."""
    modules = (aligning, comparing, judging, looking, measure, search, tracing)
    return {
        f"{module.__name__.rpartition('.')[2]}.{name.lower()}": value
        for module in modules
        for name, value in sorted(vars(module).items())
        if name.isupper() and name[0] != "_" and isinstance(value, (int, float, tuple))
    }


def _detectors(stack: ExitStack, info: StreamInfo) -> tuple[Detector, Detector]:
    """The detector for pictures as they are, and for those turned by a quarter."""
    settings = Settings.model_validate({"masking": {"track_score": LEAST_SCORE}})
    load = BUILT_IN[DETECTOR].load
    upright = load(Loading(settings, info))
    stack.callback(upright.close)
    if info.pixel_aspect == 1:
        return upright, upright
    turned = replace(info, width=info.height, height=info.width, pixel_aspect=1 / info.pixel_aspect)
    sideways = load(Loading(settings, turned))
    stack.callback(sideways.close)
    return upright, sideways


def _packet_times(path: Path) -> NDArray[np.float64]:
    """When the frames of a file are shown, in seconds, as its packets say; nothing is decoded."""
    try:
        with open_input(path) as container:
            stream = choose_video(container, path)
            return np.array(
                sorted(
                    float(packet.pts * packet.time_base)
                    for packet in demux(container, stream)
                    if packet.pts is not None and packet.time_base is not None
                )
            )
    except (av.error.FFmpegError, OSError, IndexError):
        return np.zeros(0)
