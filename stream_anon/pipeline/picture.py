"""Single pictures in memory, with detectors that stay loaded from one to the next."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from contextlib import AbstractContextManager, contextmanager
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import av
import numpy as np

from stream_anon.core.process_state import single_threaded_opencv
from stream_anon.core.redacted import Unknown
from stream_anon.detectors.scopes import choose, resolve_scope, seen_by, with_parser
from stream_anon.errors import ConfigError, ParserError, StreamAnonError
from stream_anon.masking.horizon import Horizon
from stream_anon.masking.masker import Masker
from stream_anon.pipeline.engines import load_engines
from stream_anon.pipeline.picture_file import AVIF, MIN_SIDE, UNIT, decoded, format_of, frame_of
from stream_anon.pipeline.picture_views import View, raw_view, segmentation_map
from stream_anon.pipeline.rules import rules_by_label, told_apart
from stream_anon.redaction.redactor import Redactor
from stream_anon.sinks.encoding.encoders import encoder_called, options_for
from stream_anon.sinks.encoding.planes import Pictures, open_encoder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from numpy.typing import NDArray

    from stream_anon.config import Settings
    from stream_anon.core.frame import ColorTags, Frame, StreamInfo
    from stream_anon.core.parts import Part
    from stream_anon.core.redacted import MaskedFrame, RedactedFrame
    from stream_anon.detectors.registry import Row
    from stream_anon.pipeline.engines import Engines

    EnginesKey = tuple[ColorTags, Fraction, tuple[str, ...]]

MAX_ENGINES = 4
"""Kinds of colours whose detectors stay loaded."""
MEDIA_TYPES = {
    "mjpeg": "image/jpeg",
    "png": "image/png",
    "libwebp": "image/webp",
    "tiff": "image/tiff",
    "libsvtav1": "image/avif",
}
"""By encoder."""


class Photo(NamedTuple):
    """A picture file that may be given away, and what was found in it."""

    data: bytes
    media_type: str
    parts: tuple[Part, ...]
    """Hidden ones; of a map all that are seen. In pixels of the upright picture."""
    hidden_whole: bool = False


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
        self._engines: OrderedDict[EnginesKey, Engines] = OrderedDict()
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
            info, frame = frame_of(picture, Fraction(1))
            redacted = self._redacted(info, self._masked(info, frame))
            made = Pictures(info, encoder_called("png")).make(redacted)
            return np.asarray(made.to_ndarray(format="rgb24"), np.uint8)

    def redact_bytes(self, data: bytes) -> bytes:
        """A redacted JPEG, PNG, WebP, TIFF or AVIF picture, upright, in the same format.

        Metadata and transparency are left out.

        Raises:
            SourceError: it is none, or it is damaged.
            StreamAnonError: it could not be redacted.
        """
        return self.redact_photo(data).data

    def redact_photo(
        self, data: bytes, *, view: View = View.REDACTED, most_pixels: int | None = None
    ) -> Photo:
        """As `redact_bytes`, with what is hidden.

        Args:
            data: a JPEG, PNG, WebP, TIFF or AVIF picture.
            view: of it. A map and a raw picture are PNG.
            most_pixels: larger pictures are refused before they are decoded; None for any size.

        Raises:
            ConfigError: a raw picture outside of debug mode.
            SourceError: it is none, it is damaged or too large.
            StreamAnonError: it could not be redacted.
        """
        demuxer, encoder = format_of(data)
        with self._lock, _in_our_tree():
            info, frame = frame_of(*decoded(data, demuxer, most_pixels))
            if view is View.RAW:
                return Photo(raw_view(self._settings, info, frame), "image/png", ())
            masked = self._masked(info, frame)
            redacted = self._redacted(info, masked)
            hidden = () if isinstance(masked.parts, Unknown) else masked.parts
            whole = redacted.hidden_whole is not None
            if view is View.REDACTED:
                picture = self._encoded(info, redacted, encoder)
                return Photo(picture, MEDIA_TYPES[encoder], hidden, hidden_whole=whole)
            seen = self._seen(info, frame) or hidden
            return Photo(segmentation_map(info, redacted, seen), "image/png", seen)

    def _masked(self, info: StreamInfo, frame: Frame) -> MaskedFrame:
        engines = self._engines_for(info, self._rows)
        return self._parts_of(info, frame, engines, self._hidden, told_apart(self._rules))

    def _seen(self, info: StreamInfo, frame: Frame) -> tuple[Part, ...]:
        """All that detectors see, also what is not hidden."""
        rows = with_parser(self._rows)
        labels, engines = seen_by(rows), self._engines_for(info, rows)
        parts = self._parts_of(info, frame, engines, labels, labels).parts
        return () if isinstance(parts, Unknown) else parts

    def _parts_of(
        self,
        info: StreamInfo,
        frame: Frame,
        engines: Engines,
        labels: frozenset[str],
        apart: frozenset[str],
    ) -> MaskedFrame:
        with single_threaded_opencv:
            masker = Masker(
                engines.fast,
                labels,
                self._settings,
                info,
                Horizon.of_recording(self._settings, info),
                bodies=engines.slow,
                apart=apart,
            )
            (masked,) = masker.masks([frame])
            return masked

    def _redacted(self, info: StreamInfo, masked: MaskedFrame) -> RedactedFrame:
        with single_threaded_opencv:
            redactor = Redactor(self._settings.redaction, info.color, rules=self._rules)
            return redactor.redact(masked)

    def _engines_for(self, info: StreamInfo, rows: tuple[Row, ...]) -> Engines:
        key = info.color, info.pixel_aspect, tuple(row.name for row in rows)
        if key not in self._engines:
            self._engines[key] = load_engines(rows, self._settings, info, None)
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
