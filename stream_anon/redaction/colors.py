"""Colours as the planes of a stream hold them."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from stream_anon.core.color import black_and_spans, luma_weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stream_anon.core.frame import ColorTags


@lru_cache(maxsize=256)
def color_levels(color: str, tags: ColorTags) -> tuple[int, int, int]:
    """Y, U and V of a colour written #RRGGBB (ITU-T H.273, section 8.3)."""
    red, green, blue = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    kr, kb = luma_weights(tags.matrix)
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    black, span_y, span_c = black_and_spans(tags.full_range)
    u, v = (blue - luma) / (2 * (1 - kb)), (red - luma) / (2 * (1 - kr))
    levels = (black + span_y * luma, 128 + span_c * u, 128 + span_c * v)
    y, cb, cr = (min(255, round(level)) for level in levels)
    return y, cb, cr


def planes_of(
    rgb: NDArray[np.float32], tags: ColorTags
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """Y, U and V, all of the picture's size, of an RGB picture of 0..1 (rows, columns, 3)."""
    kr, kb = luma_weights(tags.matrix)
    black, span_y, span_c = black_and_spans(tags.full_range)
    red, green, blue = (rgb[:, :, n] for n in range(3))
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    u, v = (blue - luma) / (2 * (1 - kb)), (red - luma) / (2 * (1 - kr))
    levels = (black + span_y * luma, 128 + span_c * u, 128 + span_c * v)
    y, cb, cr = (np.clip(np.rint(level), 0, 255).astype(np.uint8) for level in levels)
    return y, cb, cr
