"""Unsealing: a redacted video and its seal become a video in which chosen people can be seen."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from stream_anon.config import load_settings
from stream_anon.core.color import luma_weights
from stream_anon.core.files import HashedFile, check_target
from stream_anon.core.frame import ColorTags, Frame
from stream_anon.errors import ConfigError, SealError, SinkError, SourceError
from stream_anon.pipeline.output import open_unsealed
from stream_anon.pipeline.paths import check_paths
from stream_anon.sealing.age import load_identities
from stream_anon.sealing.owners import WHOLE
from stream_anon.sealing.reader import SealReader
from stream_anon.sealing.restorer import Restorer
from stream_anon.sinks.unsealed import LOSSLESS, unsealed_encoder
from stream_anon.sources.file import MediaSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from stream_anon.core.frame import Planes


@dataclass(slots=True)
class Unsealed:
    """Counts of unsealing; grows meanwhile."""

    frames: int = 0
    restored: int = 0
    """Frames in which somebody can be seen again."""
    expected_frames: int = 0
    notes: list[str] = field(default_factory=list)
    """Notes for the user: where the output differs from the request."""


@dataclass(frozen=True, slots=True)
class SealedTrack:
    """Somebody in a seal."""

    track: str
    """The number of the track; `whole` stands for frames hidden whole, a label for nobody's."""
    labels: tuple[str, ...]
    frames: int
    """In which it has pixels of its own, or shares some."""
    first: int
    """Frame of the output, from 0."""
    last: int


def sealed_tracks_of(redacted: Path, sealed: Path, key: Path) -> list[SealedTrack]:
    """Whom a seal can bring back.

    Raises:
        StreamAnonError: the seal does not open, or is of another video.
    """
    identities = load_identities(key)
    with SealReader(sealed, identities) as seal:
        _check_belongs(seal, HashedFile(redacted))
        found: list[SealedTrack] = []
        for owner in seal.owners:
            streams = [stream for stream in seal.index.streams if owner in stream.owners]
            labels = sorted({label for stream in streams for label in stream.labels})
            found.append(
                SealedTrack(
                    owner,
                    tuple(labels),
                    max(stream.frames for stream in streams),
                    min(stream.first for stream in streams),
                    max(stream.last for stream in streams),
                )
            )
    return found


def unseal_file(
    redacted: Path,
    sealed: Path,
    output: Path,
    *,
    key: Path,
    tracks: Sequence[str],
    overwrite: bool = False,
    on_progress: Callable[[Unsealed], None] | None = None,
) -> Unsealed:
    """Put back what a seal has of the chosen tracks, and of nobody else.

    Args:
        redacted: the video that the seal was written with.
        sealed: the seal.
        output: where to; `.mkv` is written without loss.
        key: a file with the secret key.
        tracks: numbers of tracks, or what else `sealed_tracks_of` lists.
        overwrite: an output that exists may be replaced.
        on_progress: called after each frame.

    Raises:
        StreamAnonError: with no output under its name.
    """
    if not tracks:
        raise ConfigError("nobody is to be restored: name a --track, or see whom there is: --list")
    try:
        check_paths(redacted, [sealed, key], [output])
    except (OSError, ValueError) as error:
        raise ConfigError(f"a file name cannot be used: {error}") from error
    if not output.parent.is_dir():
        raise SinkError(f"the folder {output.parent} does not exist: create it first")
    check_target(output, overwrite=overwrite)
    identities = load_identities(key)
    with ExitStack() as stack:
        seal = stack.enter_context(SealReader(sealed, identities))
        restorer = Restorer(seal, identities, tracks)
        video = HashedFile(redacted)
        _check_belongs(seal, video)
        source = MediaSource(redacted)
        stack.callback(source.close)
        matched = _Matched(source.info.color, ColorTags(*seal.index.color))
        settings = load_settings(
            None,
            {
                "output.overwrite": overwrite,
                "output.encoder": unsealed_encoder(output),
                "output.audio": "copy",
                "output.keep_subtitles": True,
            },
        )
        info = replace(source.info, color=matched.color)
        sink = open_unsealed(output, info, settings, redacted)
        stack.callback(sink.close)
        result = Unsealed(expected_frames=seal.index.frames)
        for frame in source.frames():
            sink.send(restorer.restore(matched.frame(frame)))
            result.frames += 1
            result.restored = restorer.frames_restored
            if on_progress is not None:
                on_progress(result)
        restorer.check_end()
        if video.changed:
            raise SourceError(
                f"{redacted} changed while it was read: wait until nothing writes to it"
            )
        result.notes = [*sink.notes, *_notes(output, restorer, tracks)]
        sink.finish()
    return result


def _check_belongs(seal: SealReader, video: HashedFile) -> None:
    try:
        is_it = video.sha256 == seal.index.output_sha256
    except OSError as error:
        reason = (error.strerror or "failed").lower()
        raise SourceError(f"cannot read {video.path}: {reason}") from error
    if not is_it:
        raise SealError(
            f"the seal belongs to another video than {video.path.name}: name the redacted video "
            "that was written with it, unchanged"
        )


def _notes(output: Path, restorer: Restorer, tracks: Sequence[str]) -> Iterator[str]:
    if unsealed_encoder(output) != LOSSLESS:
        yield (
            f"{output.suffix} is encoded with loss, so what was restored is not the original bit "
            "for bit: name an output ending in .mkv for that"
        )
    if restorer.frames_shared:
        yield (
            "where somebody who was not chosen is in front or behind, both stay hidden: in "
            f"{restorer.frames_shared} frames at least"
        )
    if WHOLE in tracks:
        yield "frames that were hidden whole show everybody again who is in them"


class _Matched:
    """Frames in the colours of the sealed pixels.

    Some outputs (pictures, GIF) change range or matrix; what was sealed is not to be converted.
    """

    def __init__(self, video: ColorTags, sealed: ColorTags) -> None:
        self._video, self._sealed = video, sealed
        same_matrix = luma_weights(video.matrix) == luma_weights(sealed.matrix)
        self._same = same_matrix and video.full_range == sealed.full_range
        self.color = video if self._same else sealed
        self._to_rgb, self._from_rgb = VideoReformatter(), VideoReformatter()

    def frame(self, frame: Frame) -> Frame:
        if self._same:
            return frame
        return replace(frame, planes=self._converted(frame.planes))

    def _converted(self, planes: Planes) -> Planes:
        height, width = planes[0].shape
        even = height + height % 2, width + width % 2
        luma = np.pad(planes[0], ((0, even[0] - height), (0, even[1] - width)), mode="edge")
        flat = np.concatenate([plane.reshape(-1) for plane in (luma, *planes[1:])])
        picture = av.VideoFrame.from_ndarray(flat.reshape(-1, even[1]), format="yuv420p")
        rgb = self._to_rgb.reformat(
            picture, format="rgb24", src_colorspace=_matrix(self._video),
            src_color_range=_range(self._video), dst_color_range=2,
        )  # fmt: skip
        back = self._from_rgb.reformat(
            rgb, format="yuv420p", dst_colorspace=_matrix(self._sealed),
            src_color_range=2, dst_color_range=_range(self._sealed),
        )  # fmt: skip
        data = np.asarray(back.to_ndarray(), np.uint8).reshape(-1)
        y, u, v = np.split(data, [luma.size, luma.size + planes[1].size])
        shape = planes[1].shape
        return y.reshape(even)[:height, :width], u.reshape(shape), v.reshape(shape)


def _matrix(color: ColorTags) -> int:
    """Libswscale's number."""
    return {1: 1, 4: 4, 7: 7, 9: 9, 10: 9}.get(color.matrix, 5)


def _range(color: ColorTags) -> int:
    return 2 if color.full_range else 1
