"""What a redacted file holds besides its picture: tags, sound, subtitles, covers, chapters."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import av.error
from av.stream import Disposition

from stream_anon.core.credentials import printable
from stream_anon.core.demuxers import demux, open_file
from stream_anon.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from av.container import InputContainer
    from av.stream import Stream

HARMLESS = frozenset(
    {
        "bps", "compatible_brands", "duration", "encoder", "handler_name", "language",
        "major_brand", "minor_version", "number_of_bytes", "number_of_frames", "variant_bitrate",
        "vendor_id", "_statistics_tags", "_statistics_writing_app", "_statistics_writing_date_utc",
        "service_name", "service_provider", "alpha_mode", "loop",
    }
)  # fmt: skip
"""Tags that containers and encoders write of themselves."""
WRITTEN_BY_US = {"service01", "ffmpeg", "videohandler", "soundhandler", "subtitlehandler"}
SOUND_COMPARED = 64
"""Packets of sound that are compared."""


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What of a file is not its picture. Names of tags only: their values may tell who it is."""

    tags: list[str] = field(default_factory=list)
    """Such as `creation_time`, or `location (video)`."""
    streams: list[str] = field(default_factory=list)
    """Such as `sound (aac), the same as in the original`."""

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def leftovers(redacted: Path, original: Path) -> Leftovers:
    """Look through a redacted file.

    Raises:
        SourceError: it cannot be read.
    """
    try:
        with open_file(redacted) as container:
            tags = _tags(container)
            streams = list(_streams(container))
            if any(stream.type == "audio" for stream in container.streams) and (
                _sound(redacted) & _sound(original)
            ):
                streams.append("sound that is the same as in the original: a voice identifies")
            return Leftovers(tags, streams)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise SourceError(
            f"{redacted} cannot be read: check that it is a complete video"
        ) from error


def _tags(container: InputContainer) -> list[str]:
    found = list(_telling(container.metadata, ""))
    for stream in container.streams:
        found += _telling(stream.metadata, f" ({_kind(stream)})")
    for chapter in container.chapters():
        found += _telling(chapter.get("metadata", {}), " (chapter)")
    return sorted(set(found))


def _telling(tags: dict[str, str], where: str) -> Iterable[str]:
    for name, value in tags.items():
        plain = name.lower().split("-", maxsplit=1)[0]
        ours = "".join(ch for ch in value.lower() if ch.isalnum()) in WRITTEN_BY_US
        if not (plain in HARMLESS and (plain not in {"handler_name", "service_name"} or ours)):
            yield printable(name)[:60] + where


def _streams(container: InputContainer) -> Iterable[str]:
    videos = [s for s in container.streams.video if not _is_cover(s)]
    if len(videos) > 1:
        yield f"{len(videos)} video tracks: one of them was compared, the others were not"
    covers = len(container.streams.video) - len(videos)
    if covers:
        yield (
            "a cover picture, which was not compared"
            if covers == 1
            else (f"{covers} cover pictures, which were not compared")
        )
    for stream in container.streams:
        if stream.type != "video":
            codec = stream.codec_context.name if stream.codec_context is not None else ""
            yield f"{_kind(stream)} ({codec})" if codec else _kind(stream)
    if chapters := len(container.chapters()):
        yield f"{chapters} chapters" if chapters > 1 else "a chapter"


def _kind(stream: Stream) -> str:
    return {"audio": "sound", "subtitle": "subtitles", "attachment": "an attached file"}.get(
        stream.type, stream.type
    )


def _is_cover(stream: Stream) -> bool:
    return bool(stream.disposition & Disposition.attached_pic)


def _sound(path: Path) -> set[bytes]:
    """Hashes of the first packets of sound, those that are not nearly empty."""
    found: set[bytes] = set()
    with open_file(path) as container:
        if not container.streams.audio:
            return found
        for packet in demux(container, container.streams.audio[0]):
            data = bytes(packet)
            if len(data) > 32:
                found.add(hashlib.sha256(data).digest())
            if len(found) >= SOUND_COMPARED:
                break
    return found
