"""One picture in memory."""

from __future__ import annotations

import atexit
from typing import TYPE_CHECKING, overload

import numpy as np

from stream_anon.api.arguments import overrides, path_or_none
from stream_anon.config import load_settings
from stream_anon.errors import ConfigError
from stream_anon.pipeline.picture import WarmRedactors
from stream_anon.pipeline.sealing import check_not_sealed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from numpy.typing import NDArray

_WARM = 2
"""Settings whose detectors stay loaded between calls of `redact_picture`."""
_pictures = WarmRedactors(_WARM)


@overload
def redact_picture(
    picture: NDArray[np.uint8],
    *,
    scope: str | list[str] | None = None,
    method: str | None = None,
    config: str | PathLike[str] | None = None,
    settings: Mapping[str, object] | None = None,
) -> NDArray[np.uint8]: ...


@overload
def redact_picture(
    picture: bytes,
    *,
    scope: str | list[str] | None = None,
    method: str | None = None,
    config: str | PathLike[str] | None = None,
    settings: Mapping[str, object] | None = None,
) -> bytes: ...


def redact_picture(
    picture: NDArray[np.uint8] | bytes,
    *,
    scope: str | list[str] | None = None,
    method: str | None = None,
    config: str | PathLike[str] | None = None,
    settings: Mapping[str, object] | None = None,
) -> NDArray[np.uint8] | bytes:
    """Hide the faces in one picture in memory.

    Detectors stay loaded for the next call, until `close_pictures` or the end of the process.
    Calls from several threads take turns.

    Args:
        picture: an RGB array of uint8, (height, width, 3), or the bytes of a JPEG, PNG, WebP, TIFF
            or AVIF.
        scope: what to hide, as in `redact`.
        method: how to hide it.
        config: a TOML file with settings.
        settings: any other setting by its dotted path; the arguments above win over it.

    Returns:
        An array of the same shape, or a file of the same format: upright, without metadata and
        transparency.

    Raises:
        StreamAnonError: one of its subclasses; nothing is returned then.
    """
    if not isinstance(picture, (bytes, np.ndarray)):
        raise ConfigError("a picture is an RGB array of uint8, or the bytes of a picture file")
    loaded = load_settings(path_or_none(config), overrides(settings, scope, method))
    check_not_sealed(loaded, "a picture in memory")
    with _pictures.using(loaded) as redactor:
        if isinstance(picture, bytes):
            return redactor.redact_bytes(picture)
        return redactor.redact_array(picture)


def close_pictures() -> None:
    """Free the detectors that `redact_picture` keeps loaded; its next call reloads them."""
    _pictures.close()


atexit.register(close_pictures)
