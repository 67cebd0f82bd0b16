"""The output of a recording, with the sound and subtitles that go along."""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING

from stream_anon.audio.tracks import SideTracks
from stream_anon.core.sound_plan import SoundPlan
from stream_anon.sinks.file import MediaSink
from stream_anon.sinks.pipe import Pipe, PipeSink
from stream_anon.sinks.unsealed import UnsealedSink

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from stream_anon.config import Settings
    from stream_anon.core.files import PartFile
    from stream_anon.core.frame import StreamInfo
    from stream_anon.core.kept import Kept
    from stream_anon.pipeline.excerpt import Excerpt


def open_output(
    output: Path | Pipe,
    info: StreamInfo,
    settings: Settings,
    source: Path,
    along: Sequence[PartFile],
    *,
    kept: Kept | None = None,
    excerpt: Excerpt | None = None,
) -> MediaSink:
    """Open what a recording is written to.

    Args:
        output: a file, whose ending chooses the container, or a pipe.
        info: of the input.
        settings: of the run.
        source: the input, which sound and subtitles are read from.
        along: files to be published with it.
        kept: metadata of the input to be kept; a pipe has no place for it.
        excerpt: the part of the input that comes.

    Raises:
        SinkError: it cannot be written.
    """
    trimmed = excerpt is not None and excerpt.trim
    end = excerpt.shown(info).end if excerpt is not None and trimmed else None
    side = _side(source, settings, info.zero, end)
    if isinstance(output, Pipe):
        return PipeSink(output, info, settings.output, side, along, trimmed=trimmed)
    return MediaSink(output, info, settings.output, side, along, kept, trimmed=trimmed)


def open_unsealed(
    output: Path, info: StreamInfo, settings: Settings, redacted: Path
) -> UnsealedSink:
    """Open what a redacted video is written to in which somebody can be seen again.

    Args:
        output: a file, whose ending chooses the container.
        info: of the redacted video.
        settings: of the output; sound and subtitles are those of the redacted video.
        redacted: that video.

    Raises:
        SinkError: it cannot be written.
    """
    side = _side(redacted, settings, info.zero, None)
    return UnsealedSink(output, info, settings.output, side)


def _side(
    source: Path, settings: Settings, zero: Fraction, end: Fraction | float | None
) -> partial[SideTracks] | None:
    output = settings.output
    sound = SoundPlan.parse(output.audio)
    if sound.base == "drop" and not output.keep_subtitles:
        return None
    return partial(
        SideTracks,
        source,
        audio=sound,
        subtitles=output.keep_subtitles,
        zero=zero,
        end=None if end is None else Fraction(end),
    )
