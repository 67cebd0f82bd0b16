"""Containers, the encoders they want, and the options that our settings become."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import av.codec.codec

from stream_anon.errors import SinkError

if TYPE_CHECKING:
    from pathlib import Path

CONTAINERS = {
    ".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm",
    ".avi": "avi", ".ts": "mpegts", ".mts": "mpegts", ".m2ts": "mpegts", ".gif": "gif",
    ".png": "image2", ".jpg": "image2", ".jpeg": "image2", ".bmp": "image2", ".tiff": "image2",
}  # fmt: skip
"""FFmpeg's name of the container, by the ending of the file name."""

_ENCODERS = {
    ".webm": "libvpx-vp9", ".gif": "gif", ".png": "png", ".jpg": "mjpeg", ".jpeg": "mjpeg",
    ".bmp": "bmp", ".tiff": "tiff",
}  # fmt: skip
DEFAULT_ENCODER = "libx264"
ODD_SIZES = {"libvpx-vp9", "libvpx", "gif", "png", "bmp", "tiff", "ffv1", "mjpeg", "rawvideo"}
"""Encoders that take odd widths and heights."""
_PIXEL_FORMATS = ("yuv420p", "yuvj420p", "nv12", "rgb24", "bgr24", "rgb8", "yuv444p", "yuv422p")


def container_for(path: Path) -> str:
    """FFmpeg's name of the container for an output.

    Raises:
        SinkError: the name's ending is not known.
    """
    try:
        return CONTAINERS[path.suffix.lower()]
    except KeyError:
        known = " ".join(CONTAINERS)
        raise SinkError(
            f"the ending of {path.name} tells no container: use one of {known}"
        ) from None


def encoder_for(path: Path, wanted: str) -> av.codec.codec.Codec:
    """The video encoder for an output; `auto` takes what suits the container.

    Raises:
        SinkError: FFmpeg has no such video encoder.
    """
    name = _ENCODERS.get(path.suffix.lower(), DEFAULT_ENCODER) if wanted == "auto" else wanted
    try:
        codec = av.codec.codec.Codec(name, "w")
    except (av.codec.codec.UnknownCodecError, ValueError):
        codec = None
    if codec is None or codec.type != "video":
        raise SinkError(
            f"there is no video encoder called {name!r}: try libx264, libx265, libvpx-vp9 or "
            "libsvtav1"
        )
    return codec


def pixel_format_for(codec: av.codec.codec.Codec) -> str:
    """The format nearest to our planes that the encoder takes.

    Raises:
        SinkError: it takes none that we can make.
    """
    offered = [f.name for f in codec.video_formats or ()]
    if not offered:
        return "yuv420p"
    for name in _PIXEL_FORMATS:
        if name in offered:
            return name
    raise SinkError(f"the encoder {codec.name} takes no pixel format that we can make")


def options_for(encoder: str, preset: str, quality: int) -> dict[str, str]:
    """FFmpeg options for one encoder."""
    level = str(quality)
    if encoder in {"libx264", "libx264rgb", "libx265"}:
        quiet = {"x265-params": "log-level=error"} if encoder == "libx265" else {}
        return {"preset": preset, "crf": level, **quiet}
    if encoder in {"libvpx-vp9", "libvpx"}:
        return {"crf": level, "b": "0", "deadline": "realtime", "cpu-used": "6", "row-mt": "1"}
    if encoder == "libsvtav1":
        return {"crf": level, "preset": preset if preset.isdigit() else "10"}
    if encoder.endswith("_nvenc"):
        return {"cq": level, "rc": "vbr", **({"preset": preset} if preset[:1] == "p" else {})}
    if encoder.endswith("_qsv"):
        return {"global_quality": level, "preset": preset}
    if encoder in {"mjpeg", "mpeg4"}:
        return {"qmin": "2", "qmax": str(max(2, quality // 4))}
    return {}
