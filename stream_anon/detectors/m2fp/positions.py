"""Where a cell lies, as sines and cosines.

Carion et al., "End-to-end object detection with transformers", ECCV 2020 (arXiv:2005.12872).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

TEMPERATURE = 10000.0


def count_up(length: int) -> Tensor:
    """1, 2, … `length` as float32; its last entry is the length as a tensor.

    Sizes go through tensors so that one exported graph serves pictures of any size.
    """
    return torch.arange(1, length + 1, dtype=torch.float32)


def sine_positions(rows: int, columns: int, channels: int) -> Tensor:
    """Encode the cells of a grid, first the rows, then the columns.

    Returns:
        float32 (rows * columns, channels), row by row.
    """
    steps = channels // 2
    index = torch.arange(steps, dtype=torch.float32)
    periods = TEMPERATURE ** (2 * torch.div(index, 2, rounding_mode="floor") / steps)

    def waves(length: int) -> Tensor:
        along = count_up(length)
        angles = (along / (along[-1] + 1e-6) * (2 * math.pi))[:, None] / periods
        return torch.stack([angles[:, 0::2].sin(), angles[:, 1::2].cos()], 2).flatten(1)

    down = waves(rows)[:, None, :].expand(rows, columns, steps)
    across = waves(columns)[None, :, :].expand(rows, columns, steps)
    return torch.cat([down, across], 2).reshape(rows * columns, channels)
