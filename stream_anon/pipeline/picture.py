"""Single pictures in memory, with detectors that stay loaded from one to the next."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from contextlib import AbstractContextManager, contextmanager
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

import av
import numpy as np

from stream_anon.core.demuxers import open_bytes
from stream_anon.core.frame import Frame, StreamInfo
from stream_anon.core.process_state import single_threaded_opencv
from stream_anon.detectors.scopes import choose, resolve_scope
from stream_anon.errors import ConfigError, ParserError, SourceError, StreamAnonError
from stream_anon.masking.horizon import Horizon
from stream_anon.masking.masker import Masker
from stream_anon.pipeline.engines import load_engines
from stream_anon.pipeline.rules import rules_by_label, told_apart
from stream_anon.redaction.redactor import Redactor
from stream_anon.sinks.encoding.encoders import encoder_called, options_for
from stream_anon.sinks.encoding.planes import Pictures, open_encoder
from stream_anon.sources.decoding.pictures import Upright
from stream_anon.sources.decoding.stills import check_single

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from numpy.typing import NDArray

    from stream_anon.config import Settings
    from stream_anon.core.frame import ColorTags
    from stream_anon.core.redacted import RedactedFrame
    from stream_anon.pipeline.engines import Engines

MIN_SIDE = 16
MAX_ENGINES = 4
"""Kinds of colours whose detectors stay loaded."""
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


class WarmRedactors:
    """The redactors of the settings that were used last, with their detectors loaded."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._by_settings: OrderedDict[str, PictureRedactor] = OrderedDict()
        self._lock = threading.Lock()

    @contextmanager
    def using(self, settings: Settings) -> Iterator[PictureRedactor]:
        """The one for these settings, for one thread at a time."""
        key, known = settings.model_dump_json(), self._by_settings
        with self._lock:
            if key not in known:
                known[key] = PictureRedactor(settings)
            known.move_to_end(key)
            if len(known) > self._most:
                known.popitem(last=False)[1].close()
            yield known[key]

    def close(self) -> None:
        """Free the detectors; the next use loads them again."""
        with self._lock:
            while self._by_settings:
                self._by_settings.popitem()[1].close()


class PictureRedactor(AbstractContextManager["PictureRedactor"]):
    """Redacts pictures one by one; its detectors are loaded once. Any thread may call it."""

    def __init__(self, settings: Settings) -> None:
        """Args: settings: of every picture.

        Raises:
            StreamAnonError: the scope or the detectors named cannot be used.
        """
        self._settings = settings
        self._rows = choose(settings.parsing.engine, settings.redaction.scope, settings.detectors)
        self._hidden = resolve_scope(settings.redaction.scope, self._rows)
        self._rules = rules_by_label(settings.redaction, self._hidden, self._rows)
        self._engines: OrderedDict[tuple[ColorTags, Fraction], Engines] = OrderedDict()
        self._lock = threading.Lock()

    def redact_array(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A redacted copy of an RGB picture, (height, width, 3) of uint8.

        Raises:
            ConfigError: it is not such an array.
            StreamAnonError: it could not be redacted.
        """
        if not isinstance(rgb, np.ndarray) or rgb.dtype != np.uint8 or rgb.shape[2:] != (3,):
            raise ConfigError("a picture is an array of uint8 of shape (height, width, 3), RGB")
        if min(rgb.shape[:2]) < MIN_SIDE:
            raise ConfigError(f"a picture must have at least {MIN_SIDE}x{MIN_SIDE} pixels")
        with self._lock, _in_our_tree():
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), "rgb24")
            info, redacted = self._redact(picture, Fraction(1))
            made = Pictures(info, encoder_called("png")).make(redacted)
            return np.asarray(made.to_ndarray(format="rgb24"), np.uint8)

    def redact_bytes(self, data: bytes) -> bytes:
        """A redacted JPEG, PNG, WebP, TIFF or AVIF picture, upright, in the same format.

        Metadata and transparency are left out.

        Raises:
            SourceError: it is none, or it is damaged.
            StreamAnonError: it could not be redacted.
        """
        demuxer, encoder = _format(data)
        with self._lock, _in_our_tree():
            picture, aspect = _decoded(data, demuxer)
            info, redacted = self._redact(picture, aspect)
            return self._encoded(info, redacted, encoder)

    def _redact(self, picture: av.VideoFrame, aspect: Fraction) -> tuple[StreamInfo, RedactedFrame]:
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
        engines = self._engines_for(info)
        horizon = Horizon.of_recording(self._settings, info)
        with single_threaded_opencv:
            masker = Masker(
                engines.fast,
                self._hidden,
                self._settings,
                info,
                horizon,
                bodies=engines.slow,
                apart=told_apart(self._rules),
            )
            (masked,) = masker.masks([frame])
            redactor = Redactor(self._settings.redaction, info.color, rules=self._rules)
            return info, redactor.redact(masked)

    def _engines_for(self, info: StreamInfo) -> Engines:
        key = info.color, info.pixel_aspect
        if key not in self._engines:
            self._engines[key] = load_engines(self._rows, self._settings, info, None)
            if len(self._engines) > MAX_ENGINES:
                self._engines.popitem(last=False)[1].close()
        self._engines.move_to_end(key)
        return self._engines[key]

    def _encoded(self, info: StreamInfo, redacted: RedactedFrame, encoder: str) -> bytes:
        codec, file = encoder_called(encoder), io.BytesIO()
        pictures = Pictures(info, codec)
        options = options_for(encoder, "image2", self._settings.output)
        container_name = "avif" if encoder == AVIF[1] else "image2pipe"
        with av.open(file, "w", format=container_name) as container:
            stream = pictures.add_stream(container, codec, options, UNIT)
            open_encoder(stream, self._settings.output)
            picture = pictures.make(redacted)
            picture.pts, picture.time_base = 0, UNIT
            for given in (picture, None):
                for packet in stream.encode(given):
                    container.mux(packet)
        return file.getvalue()

    def close(self) -> None:
        """Free the detectors."""
        with self._lock:
            while self._engines:
                self._engines.popitem()[1].close()

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()


class _in_our_tree:  # noqa: N801 - used like a function
    """Map any error inside to one of ours; the raw picture is not returned."""

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: object
    ) -> None:
        if isinstance(error, Exception) and not isinstance(error, StreamAnonError):
            raise ParserError(
                f"the picture could not be redacted ({type(error).__name__}): nothing is returned"
            ) from error


def _format(data: bytes) -> tuple[str, str]:
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


def _decoded(data: bytes, demuxer: str) -> tuple[av.VideoFrame, Fraction]:
    """The picture and the aspect of its pixels."""
    try:
        if (whole := check_single(data)) is not None:
            return whole, Fraction(1)
        with open_bytes(data, demuxer) as container:
            stream = container.streams.video[0]
            strict = "" if demuxer == "tiff_pipe" else "+explode"  # it would refuse any odd tag
            stream.codec_context.options = {"err_detect": f"crccheck{strict}"}
            picture = next(container.decode(stream), None)
            aspect = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio
    except (av.error.FFmpegError, ValueError, IndexError) as error:
        raise SourceError("the picture cannot be decoded: it is damaged or cut short") from error
    if picture is None or cast("Any", picture).is_corrupt:
        raise SourceError("the picture cannot be decoded: it is damaged or cut short")
    if min(picture.width, picture.height) < MIN_SIDE:
        raise SourceError(f"a picture must have at least {MIN_SIDE}x{MIN_SIDE} pixels")
    return picture, Fraction(aspect or 1)
