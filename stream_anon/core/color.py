"""How luma and chroma are made of red, green and blue (ITU-T H.273, section 8.3)."""

from __future__ import annotations

_KR_KB = {1: (0.2126, 0.0722), 9: (0.2627, 0.0593), 10: (0.2627, 0.0593)}


def luma_weights(matrix: int) -> tuple[float, float]:
    """Kr and Kb by matrix code point (H.273, table 4); all others are taken as BT.601."""
    return _KR_KB.get(matrix, (0.299, 0.114))


def black_and_spans(full_range: bool) -> tuple[int, int, int]:
    """The level of black, and how many levels luma and chroma span, of 8 bits."""
    return (0, 255, 255) if full_range else (16, 219, 224)
