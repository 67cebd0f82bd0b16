"""Opening a file, choosing its video stream, and reporting what is wrong with it."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, cast

import av.error
from av.codec.context import CodecContext, Flags
from av.stream import Disposition

from stream_anon.core.boxes import element_head
from stream_anon.core.demuxers import is_list, open_file
from stream_anon.core.processors import usable_processors
from stream_anon.errors import SourceError
from stream_anon.sources.decoding.heif import is_animated, is_heif

if TYPE_CHECKING:
    from pathlib import Path

    from av.container import InputContainer
    from av.video.codeccontext import VideoCodecContext
    from av.video.stream import VideoStream

MAX_THREADS = 8
"""Pictures that are decoded at the same time: each takes memory and time to come out."""
CHECKSUMMED = ("png", "apng")
"""Decoders that know damage for certain, but still show the picture unless told not to.

The others are not: they would also refuse healthy files that are a little out of line.
"""


def open_input(path: Path) -> InputContainer:
    """Open a file for reading.

    Raises:
        SourceError: missing, a folder, empty, not allowed, nothing that FFmpeg knows, or something
            that names other files to be read.
    """
    if not path.exists():
        raise SourceError(f"{path} does not exist: check the name of the input")
    if path.is_dir():
        raise SourceError(f"{path} is a folder: name one video file, or --output-dir for all in it")
    if not path.is_file():
        raise SourceError(
            f"{path} is not a regular file but a pipe or device: save it to a file first"
        )
    if path.stat().st_size == 0:
        raise SourceError(f"{path} is empty")
    try:
        if is_list(path):
            raise SourceError(
                f"{path} is not a video but a list that names other files: redact those, one by one"
            )
        return open_file(path)
    except PermissionError as error:
        raise SourceError(f"{path} cannot be read: check its permissions") from error
    except av.error.ArgumentError as error:
        raise SourceError(
            f"{path} is not a video that can be read: its format is unknown here, or may read "
            "other files; convert it to .mkv or .mp4 first"
        ) from error
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise SourceError(f"{path} is not a video that can be read: {reason(error)}") from error


def choose_video(
    container: InputContainer, path: Path | str, track: int | None = None
) -> VideoStream:
    """The video stream to redact, ready to decode. Cover pictures do not count.

    Args:
        container: an open input.
        path: its name, for errors.
        track: its number among the video tracks, from 1; None takes the one that players show.

    Raises:
        SourceError: there is none, or FFmpeg has no decoder for it.
    """
    streams = videos_of(container)
    if not streams:
        raise SourceError(f"{path} contains no video (only sound, or a cover picture)")
    wanted = streams if track is None else [_numbered(streams, track, path)]
    known = [stream for stream in wanted if _is_known(stream)]
    if not known:
        raise SourceError(f"{path} uses a video codec that this FFmpeg cannot decode")
    best = max(known, key=lambda s: (is_default(s.disposition), s.width * s.height))
    # With threads inside one picture alone, the H.264 decoder does not look for damage at all.
    best.thread_type = "AUTO"
    best.thread_count = min(MAX_THREADS, usable_processors())
    # What cannot be decoded whole still comes out, marked, and is hidden.
    best.codec_context.flags |= Flags.output_corrupt
    is_certain = best.codec_context.name in CHECKSUMMED
    best.codec_context.options = {"err_detect": "crccheck+explode" if is_certain else "crccheck"}
    return best


def decoder_for(stream: VideoStream) -> VideoCodecContext:
    """What decodes a stream: FFmpeg's choice, unless that would show what transparency hides.

    Its own decoders of VP8 and VP9 ignore the transparency of WebM; libvpx's do not.
    """
    usual = stream.codec_context
    name = WITH_TRANSPARENCY.get(usual.name)
    if name is None or stream.metadata.get("alpha_mode") != "1":
        return usual
    context = cast("VideoCodecContext", CodecContext.create(name, "r"))
    context.extradata, context.flags = usual.extradata, usual.flags
    context.options = usual.options
    return context


def pixel_aspect(stream: VideoStream) -> Fraction:
    """Width of a pixel over its height; square where that is not known."""
    aspect = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio
    return Fraction(aspect) if aspect else Fraction(1)


def videos_of(container: InputContainer) -> list[VideoStream]:
    """The video tracks of a file, in its order: track 1 first, cover pictures left out.

    In animated HEIF, the still picture that comes with them is none.
    """
    videos = [s for s in container.streams.video if not is_cover(s.disposition)]
    return [s for s in videos if s.duration is not None or not is_animated(container)]


def _numbered(streams: list[VideoStream], track: int, path: Path | str) -> VideoStream:
    if track <= len(streams):
        return streams[track - 1]
    has = "1 video track" if len(streams) == 1 else f"{len(streams)} video tracks"
    raise SourceError(f"{path} has {has}: track {track} is not one of them")


def notes_on_videos(
    container: InputContainer, chosen: VideoStream, *, asked_for: bool = False
) -> list[str]:
    """A note on the video tracks that are not redacted, where there are any.

    Args:
        container: the input.
        chosen: the track that is redacted.
        asked_for: by its number, so that nobody needs to be told how.
    """
    videos = videos_of(container)
    if len(videos) < 2 or (is_heif(container) and not is_animated(container)):
        return []
    number = [stream.index for stream in videos].index(chosen.index) + 1
    size = f"{chosen.width}x{chosen.height}"
    if asked_for:
        return [f"video track {number} of {len(videos)} ({size}) is in the output"]
    note = f"the file has {len(videos)} video tracks: only track {number} ({size}) is in the output"
    return [f"{note}; --video-track chooses another one, or all"]


WITH_TRANSPARENCY = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""Decoders that read the transparency of WebM, by those that do not."""
_EBML, _SEGMENT = 0x1A45DFA3, 0x18538067


def is_cut_short(path: Path) -> bool | None:
    """The file is shorter than its own header says; None where the header does not say.

    Matroska, WebM and AVI say.
    """
    length = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(4096)
    if head[:4] == b"RIFF":
        return 8 + int.from_bytes(head[4:8], "little") > length
    first = element_head(head, 0)
    if first is None or first[0] != _EBML or first[2] is None:
        return None
    at = first[1] + first[2]
    segment = element_head(head, at)
    if segment is None or segment[0] != _SEGMENT or segment[2] is None:
        return None
    return at + segment[1] + segment[2] > length


def _is_known(stream: VideoStream) -> bool:
    """The type stubs promise a context, but without a decoder there is none, nor a size."""
    context: object = stream.codec_context
    return context is not None


def is_cover(disposition: int) -> bool:
    """True for pictures that belong to the file and not to the video."""
    return bool(disposition & (Disposition.attached_pic | Disposition.timed_thumbnails))


def is_default(disposition: int) -> bool:
    """True for the stream that players choose."""
    return bool(disposition & Disposition.default)


def reason(error: Exception) -> str:
    """FFmpeg's message, without the address that PyAV adds to it."""
    said = getattr(error, "strerror", None) or type(error).__name__
    return str(said).lower()
