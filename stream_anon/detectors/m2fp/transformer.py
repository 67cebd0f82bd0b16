"""Transformer decoder: queries that attend only to where their own masks are.

Cheng et al., "Masked-attention mask transformer for universal image segmentation", CVPR 2022
(arXiv:2112.01527). Names are those of the published checkpoint.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stream_anon.detectors.m2fp.configuration import LEVELS
from stream_anon.detectors.m2fp.positions import sine_positions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stream_anon.detectors.m2fp.configuration import Decoder

NOTHING = -1e9
"""Added to the attention for places that a query must not look at."""


class Attention(nn.Module):
    """Scaled dot-product attention with several heads (Vaswani et al., arXiv:1706.03762)."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.zeros(3 * channels, channels))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * channels))
        self.out_proj = nn.Linear(channels, channels)

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None = None
    ) -> Tensor:
        """Query (N, Q, C), key and value (N, L, C), bias (N, Q, L) added for all heads alike."""
        weights, biases = self.in_proj_weight.chunk(3), self.in_proj_bias.chunk(3)
        q, k, v = (
            self._split(F.linear(x, w, b))
            for x, w, b in zip((query, key, value), weights, biases, strict=True)
        )
        scores = q @ k.transpose(2, 3) * (q.shape[3] ** -0.5)
        if bias is not None:
            scores = scores + bias[:, None]
        mixed = scores.softmax(-1) @ v
        return self.out_proj(mixed.transpose(1, 2).flatten(2))

    def _split(self, x: Tensor) -> Tensor:
        """(N, L, C) to (N, heads, L, C / heads)."""
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)


class _Residual(nn.Module):
    """Residual connection around a sublayer, with post-norm or pre-norm."""

    def __init__(self, channels: int, pre_norm: bool) -> None:
        super().__init__()
        self.pre_norm = pre_norm
        self.norm = nn.LayerNorm(channels)

    def around(self, x: Tensor, sublayer: Callable[[Tensor], Tensor]) -> Tensor:
        if self.pre_norm:
            return x + sublayer(self.norm(x))
        return self.norm(x + sublayer(x))


class CrossAttention(_Residual):
    def __init__(self, settings: Decoder) -> None:
        super().__init__(settings.hidden_dim, settings.pre_norm)
        self.multihead_attn = Attention(settings.hidden_dim, settings.nheads)

    def forward(
        self, x: Tensor, embed: Tensor, memory: Tensor, positions: Tensor, bias: Tensor
    ) -> Tensor:
        return self.around(
            x, lambda q: self.multihead_attn(q + embed, memory + positions, memory, bias)
        )


class SelfAttention(_Residual):
    def __init__(self, settings: Decoder) -> None:
        super().__init__(settings.hidden_dim, settings.pre_norm)
        self.self_attn = Attention(settings.hidden_dim, settings.nheads)

    def forward(self, x: Tensor, embed: Tensor) -> Tensor:
        return self.around(x, lambda q: self.self_attn(q + embed, q + embed, q))


class FeedForward(_Residual):
    def __init__(self, settings: Decoder) -> None:
        super().__init__(settings.hidden_dim, settings.pre_norm)
        self.linear1 = nn.Linear(settings.hidden_dim, settings.dim_feedforward)
        self.linear2 = nn.Linear(settings.dim_feedforward, settings.hidden_dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.around(x, lambda q: self.linear2(F.relu(self.linear1(q))))


class Perceptron(nn.Module):
    """Linear layers with ReLU in between."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers[:-1]:
            x = F.relu(layer(x))
        return self.layers[-1](x)


class MaskedDecoder(nn.Module):
    """One class and one mask for each query."""

    def __init__(self, settings: Decoder, inputs: int) -> None:
        """Args: inputs: channels of the levels."""
        super().__init__()
        channels, layers = settings.hidden_dim, range(settings.dec_layers)
        self.transformer_cross_attention_layers = nn.ModuleList(
            CrossAttention(settings) for _ in layers
        )
        self.transformer_self_attention_layers = nn.ModuleList(
            SelfAttention(settings) for _ in layers
        )
        self.transformer_ffn_layers = nn.ModuleList(FeedForward(settings) for _ in layers)
        self.decoder_norm = nn.LayerNorm(channels)
        self.query_feat = nn.Embedding(settings.num_queries, channels)
        self.query_embed = nn.Embedding(settings.num_queries, channels)
        self.level_embed = nn.Embedding(LEVELS, channels)
        project = inputs != channels or settings.enforce_input_project
        self.input_proj = nn.ModuleList(
            nn.Conv2d(inputs, channels, 1) if project else nn.Identity() for _ in range(LEVELS)
        )
        self.class_embed = nn.Linear(channels, settings.num_classes + 1)
        self.mask_embed = Perceptron([channels, channels, channels, settings.mask_dim])

    def forward(self, features: Tensor, levels: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Answer for mask features (N, mask_dim, h, w) and levels (N, C, h, w), coarsest first.

        Returns:
            Logits (N, Q, classes + 1) and mask logits (N, Q, h, w).
        """
        memories = [
            proj(level).flatten(2).transpose(1, 2) + embed
            for proj, level, embed in zip(
                self.input_proj, levels, self.level_embed.weight, strict=True
            )
        ]
        sizes = [(level.shape[2], level.shape[3]) for level in levels]
        channels = memories[0].shape[2]
        positions = [sine_positions(*size, channels).to(memories[0]) for size in sizes]
        # Resizing is linear, so features are resized once instead of every layer's masks.
        small = [
            F.interpolate(features, size=size, mode="bilinear", align_corners=False).flatten(2)
            for size in sizes
        ]
        embed = self.query_embed.weight[None]
        x = self.query_feat.weight[None].expand(features.shape[0], -1, -1)
        for number, (cross, own, feed) in enumerate(
            zip(
                self.transformer_cross_attention_layers,
                self.transformer_self_attention_layers,
                self.transformer_ffn_layers,
                strict=True,
            )
        ):
            level = number % LEVELS
            bias = self._attention_bias(x, small[level])
            x = cross(x, embed, memories[level], positions[level], bias)
            x = feed(own(x, embed))
        answer = self.decoder_norm(x)
        masks = self.mask_embed(answer) @ features.flatten(2)
        return self.class_embed(answer), masks.unflatten(2, features.shape[2:])

    def _attention_bias(self, x: Tensor, features: Tensor) -> Tensor:
        """(N, Q, L): nothing where the query's mask is, and a lot less elsewhere.

        A query without a mask may look everywhere.
        """
        outside = (self.mask_embed(self.decoder_norm(x)) @ features < 0).to(features)
        nowhere = outside.amin(-1, keepdim=True)
        return outside * (1 - nowhere) * NOTHING
