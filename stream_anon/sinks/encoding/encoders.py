"""Containers, the encoders they want, and the options that our settings become."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import av
import av.codec.codec

from stream_anon.core.process_state import quiet_svt
from stream_anon.core.processors import threads_within_quota
from stream_anon.errors import ConfigError, SinkError

if TYPE_CHECKING:
    from pathlib import Path

    from stream_anon.config import Output

CONTAINERS = {
    ".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm",
    ".avi": "avi", ".ts": "mpegts", ".mts": "mpegts", ".m2ts": "mpegts", ".gif": "gif",
    ".png": "image2", ".jpg": "image2", ".jpeg": "image2", ".bmp": "image2", ".tiff": "image2",
    ".tif": "image2", ".webp": "image2", ".avif": "avif",
}  # fmt: skip
"""FFmpeg's name of the container, by the ending of the file name."""

_ENCODERS = {
    ".webm": "libvpx-vp9", ".avi": "mpeg4", ".gif": "gif", ".png": "png", ".jpg": "mjpeg",
    ".jpeg": "mjpeg", ".bmp": "bmp", ".tiff": "tiff", ".tif": "tiff", ".webp": "libwebp",
    ".avif": "libsvtav1",
}  # fmt: skip
DEFAULT_ENCODER = "libx264"
ODD_SIZES = {
    "libvpx-vp9", "libvpx", "libwebp", "gif", "png", "bmp", "tiff", "ffv1", "mjpeg", "rawvideo",
    "libsvtav1",
}  # fmt: skip
"""Encoders that take odd widths and heights."""
STILL = "image2"
"""FFmpeg's name of the container of one picture as its encoder makes it."""
STILLS = {STILL, "avif"}
"""Containers that hold one picture only."""
NO_NEGATIVE_TIMES = {"avi", "mpegts"}
"""Containers in which the delay that B-frames need would shift every frame."""
APPLE = {"mp4", "mov"}
"""Containers of QuickTime's family."""
_TAGS = {"hevc": "hvc1"}
"""Codec tags in them where FFmpeg's own choice is one that Apple's players refuse."""
PRESETS = (
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow",
    "placebo",
)  # fmt: skip
"""Of x264 and x265, fastest first."""
_UNFIT = {("yuv420p", "mjpeg"), ("yuv420p", "tiff"), ("yuv420p", "libwebp")}
"""JPEG is full range only; TIFF has no tag for the range, and WebP none for range and matrix."""
_MPEG4_UNITS = 60_000
"""In a second; its bitstream has 16 bits for them."""
_PIXEL_FORMATS = (
    "yuv420p",
    "yuvj420p",
    "nv12",
    "rgb24",
    "bgr24",
    "rgb8",
    "yuv444p",
    "yuv422p",
    "bgra",
)


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
            f"the extension of {path.name} selects no container: use one of {known}"
        ) from None


def encoder_for(path: Path, wanted: str) -> av.codec.codec.Codec:
    """The video encoder for an output; `auto` takes what suits the container.

    Raises:
        SinkError: FFmpeg has no such video encoder.
    """
    suited = _ENCODERS.get(path.suffix.lower(), DEFAULT_ENCODER)
    return encoder_called(suited if wanted == "auto" else wanted)


def encoder_called(name: str) -> av.codec.codec.Codec:
    """The video encoder of a name.

    Raises:
        SinkError: FFmpeg has no such video encoder.
    """
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
        if name in offered and (name, codec.name) not in _UNFIT:
            return name
    raise SinkError(f"the encoder {codec.name} supports no pixel format that we can make")


def time_base_for(container: str, encoder: str, wanted: Fraction, rate: Fraction) -> Fraction:
    """The unit of time that the output can have, as near to `wanted` as may be, in seconds."""
    if container == "avi":
        return 1 / rate  # it has no times, only a rate
    if encoder == "mpeg4" and wanted.denominator > _MPEG4_UNITS:
        return Fraction(1, _MPEG4_UNITS)
    return wanted


def tag_for(codec: av.codec.codec.Codec, container: str) -> str | None:
    """The codec tag that players want to see; None leaves the choice to FFmpeg."""
    return _TAGS.get(codec.canonical_name) if container in APPLE else None


def container_options(container: str, settings: Output) -> dict[str, str]:
    """FFmpeg options for one container."""
    if container in APPLE and settings.faststart:
        return {"movflags": "+faststart"}
    if container == STILL:
        return {"update": "1"}
    if container == "matroska":
        return {
            "avoid_negative_ts": "disabled"
        }  # sound starts before zero; the picture must not move
    return {}


def options_for(encoder: str, container: str, settings: Output) -> dict[str, str]:
    """FFmpeg options for one encoder.

    Raises:
        ConfigError: the encoder has no such preset.
    """
    preset, level = settings.preset, str(settings.quality)
    if encoder in {"libx264", "libx264rgb", "libx265"}:
        _check_preset(encoder, preset)
        options = {"preset": preset, "crf": level}
        if container in NO_NEGATIVE_TIMES:
            options["bf"] = "0"
        return options | ({"x265-params": _x265_params()} if encoder == "libx265" else {})
    if encoder in {"libvpx-vp9", "libvpx"}:
        return {"crf": level, "b": "0", "deadline": "realtime", "cpu-used": "6", "row-mt": "1"}
    if encoder == "libsvtav1":
        quiet_svt()
        threads = threads_within_quota()
        return {
            "crf": level,
            "preset": preset if preset.isdigit() else "8",
            **({"svtav1-params": f"lp={threads}"} if threads else {}),
        }
    if encoder.endswith("_nvenc"):
        return {"cq": level, "rc": "vbr", **({"preset": preset} if preset[:1] == "p" else {})}
    if encoder.endswith("_qsv"):
        return {"global_quality": level, "preset": preset}
    if encoder == "libwebp":
        return {"quality": str(100 - settings.quality * 5 // 4)}
    if encoder in {"mjpeg", "mpeg4"}:
        return {"qmin": "2", "qmax": str(max(2, settings.quality // 4))}
    return {}


def _x265_params() -> str:
    threads = threads_within_quota()
    return f"log-level=error:pools={threads}" if threads else "log-level=error"


def _check_preset(encoder: str, preset: str) -> None:
    # x264 itself would print to the terminal.
    if preset not in PRESETS:
        raise ConfigError(
            f"the encoder {encoder} has no preset {preset!r}: use one of {' '.join(PRESETS)}"
        )
