"""From the bytes of a picture file to a frame."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, cast

import av
import av.error

from stream_anon.core.demuxers import open_bytes
from stream_anon.core.frame import Frame, StreamInfo
from stream_anon.errors import SourceError
from stream_anon.sources.decoding.pictures import Upright
from stream_anon.sources.decoding.stills import check_single

MIN_SIDE = 16
UNIT = Fraction(1, 25)
FORMATS = (
    (b"\xff\xd8\xff", "jpeg_pipe", "mjpeg"),
    (b"\x89PNG\r\n\x1a\n", "png_pipe", "png"),
    (b"RIFF", "webp_pipe", "libwebp"),
    (b"II*\0", "tiff_pipe", "tiff"),
    (b"MM\0*", "tiff_pipe", "tiff"),
)
"""First bytes, demuxer and encoder."""
AVIF = "mov", "libsvtav1"
AVIF_BRANDS = (b"avif", b"avis")
HEIC_BRANDS = (b"heic", b"heix", b"mif1")


def format_of(data: bytes) -> tuple[str, str]:
    """Demuxer and encoder of a picture file, by its first bytes.

    Raises:
        SourceError: it is none that can be written again.
    """
    for head, demuxer, encoder in FORMATS:
        if data.startswith(head) and (head != b"RIFF" or data[8:12] == b"WEBP"):
            return demuxer, encoder
    brand = data[8:12] if data[4:8] == b"ftyp" else b""
    if brand in AVIF_BRANDS:
        return AVIF
    if brand in HEIC_BRANDS:
        raise SourceError(
            "HEIC can be read but not written: save the picture to a file and redact that to .jpg"
        )
    raise SourceError(
        "the picture is not a JPEG, PNG, WebP, TIFF or AVIF: convert it to one of these first"
    )


def frame_of(picture: av.VideoFrame, aspect: Fraction) -> tuple[StreamInfo, Frame]:
    """A decoded picture as the one frame of a stream, upright."""
    upright = Upright(picture, "picture")
    planes, _ = upright.read(picture)
    frame = Frame(planes, 0, 0, UNIT)
    info = StreamInfo(
        "picture",
        frame.width,
        frame.height,
        UNIT,
        pixel_aspect=1 / aspect if upright.turned else aspect,
        color=upright.color,
        frames=1,
        still=True,
    )
    return info, frame


def decoded(
    data: bytes, demuxer: str, most_pixels: int | None = None
) -> tuple[av.VideoFrame, Fraction]:
    """The picture and the aspect of its pixels.

    Args:
        data: of a picture file.
        demuxer: from `format_of`.
        most_pixels: of a picture; larger ones are refused before they are decoded.

    Raises:
        SourceError: it is damaged or too large.
    """
    problem = "the picture cannot be decoded: it is damaged or cut short"
    if most_pixels is not None:
        problem += f", or has more than {most_pixels / 1e6:g} million pixels"
    try:
        if (whole := check_single(data, most_pixels)) is not None:
            if most_pixels is not None and whole.width * whole.height > most_pixels:
                raise SourceError(problem)
            return whole, Fraction(1)
        with open_bytes(data, demuxer, most_pixels) as container:
            stream = container.streams.video[0]
            strict = "" if demuxer == "tiff_pipe" else "+explode"  # it would refuse any odd tag
            options = {"err_detect": f"crccheck{strict}"}
            if most_pixels is not None:
                options["max_pixels"] = str(most_pixels)
            stream.codec_context.options = options
            picture = next(container.decode(stream), None)
            aspect = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio
    except (av.error.FFmpegError, ValueError, IndexError) as error:
        raise SourceError(problem) from error
    if picture is None or cast("Any", picture).is_corrupt:
        raise SourceError(problem)
    if min(picture.width, picture.height) < MIN_SIDE:
        raise SourceError(f"a picture must have at least {MIN_SIDE}x{MIN_SIDE} pixels")
    return picture, Fraction(aspect or 1)
