"""Pixel decoder: multi-scale deformable attention over the backbone's stages, then a small FPN.

Zhu et al., "Deformable DETR", ICLR 2021 (arXiv:2010.04159); Cheng et al., "Masked-attention mask
transformer for universal image segmentation", CVPR 2022 (arXiv:2112.01527).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stream_anon.detectors.m2fp.backbone import Conv
from stream_anon.detectors.m2fp.configuration import GROUPS, LEVELS
from stream_anon.detectors.m2fp.positions import count_up, sine_positions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stream_anon.detectors.m2fp.configuration import Encoder

POINTS = 4
"""Places that each head samples in each level."""

Size = tuple[int, int]


class DeformableAttention(nn.Module):
    """Each query looks at a few places of every level, which it chooses itself."""

    def __init__(self, channels: int, levels: int, heads: int) -> None:
        super().__init__()
        self.heads, self.levels = heads, levels
        self.sampling_offsets = nn.Linear(channels, heads * levels * POINTS * 2)
        self.attention_weights = nn.Linear(channels, heads * levels * POINTS)
        self.value_proj = nn.Linear(channels, channels)
        self.output_proj = nn.Linear(channels, channels)

    def forward(
        self, query: Tensor, centers: Tensor, source: Tensor, sizes: Sequence[Size]
    ) -> Tensor:
        """Attend.

        Args:
            query: (N, L, C), L being all cells of all levels.
            centers: (L, 2), x and y of each cell in -1..1.
            source: (N, L, C), what is sampled.
            sizes: rows and columns of each level.
        """
        n, length, channels = query.shape
        heads, levels = self.heads, self.levels
        offsets = self.sampling_offsets(query).view(n, length, heads, levels, POINTS, 2)
        offsets = offsets.permute(3, 0, 2, 4, 1, 5).reshape(levels, n * heads, POINTS, length, 2)
        weights = self.attention_weights(query).view(n, length, heads, levels * POINTS).softmax(-1)
        weights = weights.view(n, length, heads, levels, POINTS).permute(3, 0, 2, 4, 1)
        weights = weights.reshape(levels, n * heads, 1, POINTS, length)
        values = self.value_proj(source).transpose(1, 2)
        maps = values.split([rows * columns for rows, columns in sizes], 2)
        mixed = query.new_zeros(())
        for level, (rows, columns) in enumerate(sizes):
            # An offset of one is one cell, and the grid reaches from -1 to 1.
            cell = 2 / torch.stack([count_up(columns)[-1], count_up(rows)[-1]])
            sampled = F.grid_sample(
                maps[level].reshape(n * heads, channels // heads, rows, columns),
                centers + offsets[level] * cell,
                mode="bilinear",
                padding_mode="zeros",
                align_corners=False,
            )
            mixed = mixed + (sampled * weights[level]).sum(2)
        return self.output_proj(mixed.reshape(n, channels, length).transpose(1, 2))


class EncoderLayer(nn.Module):
    """Attention and a feed-forward network, each added and normalised."""

    def __init__(self, settings: Encoder, levels: int) -> None:
        super().__init__()
        channels = settings.conv_dim
        self.self_attn = DeformableAttention(channels, levels, settings.transformer_nheads)
        self.norm1 = nn.LayerNorm(channels)
        self.linear1 = nn.Linear(channels, settings.transformer_dim_feedforward)
        self.linear2 = nn.Linear(settings.transformer_dim_feedforward, channels)
        self.norm2 = nn.LayerNorm(channels)

    def forward(
        self, x: Tensor, positions: Tensor, centers: Tensor, sizes: Sequence[Size]
    ) -> Tensor:
        x = self.norm1(x + self.self_attn(x + positions, centers, x, sizes))
        return self.norm2(x + self.linear2(F.relu(self.linear1(x))))


class Layers(nn.Module):
    """The encoder's layers under the name that the checkpoint has for them."""

    def __init__(self, settings: Encoder, levels: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            EncoderLayer(settings, levels) for _ in range(settings.transformer_enc_layers)
        )


class DeformableEncoder(nn.Module):
    """All levels as one sequence."""

    def __init__(self, settings: Encoder, levels: int) -> None:
        super().__init__()
        self.encoder = Layers(settings, levels)
        self.level_embed = nn.Parameter(torch.zeros(levels, settings.conv_dim))

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Maps (N, C, h, w), coarsest first; the same shapes come out."""
        sizes: list[Size] = [(m.shape[2], m.shape[3]) for m in maps]
        channels = maps[0].shape[1]
        positions = torch.cat(
            [
                sine_positions(*size, channels).to(embed) + embed
                for size, embed in zip(sizes, self.level_embed, strict=True)
            ]
        )
        centers = torch.cat([_centers(*size) for size in sizes]).to(positions)
        x = torch.cat([m.flatten(2).transpose(1, 2) for m in maps], 1)
        for layer in self.encoder.layers:
            x = layer(x, positions, centers, sizes)
        parts = x.split([rows * columns for rows, columns in sizes], 1)
        return [part.transpose(1, 2).reshape(m.shape) for part, m in zip(parts, maps, strict=True)]


def _centers(rows: int, columns: int) -> Tensor:
    """(rows * columns, 2): the middle of each cell as x, y in -1..1."""
    counted = count_up(rows), count_up(columns)
    down, across = ((2 * steps - 1) / steps[-1] - 1 for steps in counted)
    grid = torch.stack([across.expand(rows, columns), down[:, None].expand(rows, columns)], -1)
    return grid.reshape(-1, 2)


class PixelDecoder(nn.Module):
    """From the backbone's stages to mask features and the levels that queries look at."""

    def __init__(self, settings: Encoder, shapes: dict[str, tuple[int, int]]) -> None:
        """Args: shapes: channels and stride of each of the backbone's outputs."""
        super().__init__()
        channels = settings.conv_dim
        inputs = [name for name in shapes if name in settings.in_features]
        inputs.sort(key=lambda name: shapes[name][1])  # stages of one stride stay in order
        attended = [name for name in inputs if name in settings.transformer_in_features]
        if not attended:
            raise ValueError("transformer_in_features names none of in_features")
        self.attended = attended[::-1]
        """Coarsest first."""
        self.input_proj = nn.ModuleList(
            nn.Sequential(nn.Conv2d(shapes[name][0], channels, 1), nn.GroupNorm(GROUPS, channels))
            for name in self.attended
        )
        self.transformer = DeformableEncoder(settings, len(attended))
        self.mask_features = nn.Conv2d(channels, settings.mask_dim, 1)
        finest = min(shapes[name][1] for name in attended)
        steps = int(math.log2(finest) - math.log2(settings.common_stride))
        self.added = inputs[:steps]  # a negative number leaves out that many of the coarsest
        """Stages that refine the finest of the attended ones, finest first."""
        if len(attended) + len(self.added) < LEVELS:
            raise ValueError(f"fewer than {LEVELS} levels for the transformer decoder")
        for number, name in enumerate(self.added, 1):
            lateral = Conv(shapes[name][0], channels, 1, nn.GroupNorm(GROUPS, channels))
            output = Conv(channels, channels, 3, nn.GroupNorm(GROUPS, channels))
            self.add_module(f"adapter_{number}", lateral)
            self.add_module(f"layer_{number}", output)

    def forward(self, found: dict[str, Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Mask features (N, mask_dim, h, w) and three levels (N, C, h, w), coarsest first."""
        maps = self.transformer(
            [proj(found[name]) for name, proj in zip(self.attended, self.input_proj, strict=True)]
        )
        for number in range(len(self.added), 0, -1):
            side = self.get_submodule(f"adapter_{number}")(found[self.added[number - 1]])
            size = (side.shape[2], side.shape[3])
            coarse = F.interpolate(maps[-1], size=size, mode="bilinear", align_corners=False)
            maps.append(F.relu(self.get_submodule(f"layer_{number}")(side + coarse)))
        return self.mask_features(maps[-1]), maps[:LEVELS]
