"""ResNet with a deep stem and dilated stages.

He et al., "Deep residual learning for image recognition", CVPR 2016 (arXiv:1512.03385); stem,
dilation and multi-grid from Chen et al., "Rethinking atrous convolution for semantic image
segmentation", 2017 (arXiv:1706.05587). Names are those of the published checkpoint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn
from torch.nn import functional as F

if TYPE_CHECKING:
    from collections.abc import Callable

    from stream_anon.detectors.m2fp.configuration import Backbone

BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
"""Blocks of each stage by depth."""
STAGES = ("res2", "res3", "res4", "res5")
STEM_STRIDE = 4
EXPANSION = 2
"""Channels grow by this from stage to stage."""


class Conv(nn.Conv2d):
    """A convolution that owns the normalisation after it, as the checkpoint names them."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        norm: nn.Module | None,
        *,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
    ) -> None:
        super().__init__(
            inputs,
            outputs,
            kernel,
            stride=stride,
            padding=kernel // 2 * dilation,
            dilation=dilation,
            groups=groups,
            bias=False,
        )
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        x = super().forward(x)
        return x if self.norm is None else self.norm(x)


Norm = "Callable[[int], nn.Module | None]"


def norm_maker(name: str | None) -> Callable[[int], nn.Module | None]:
    """Factory for normalisation layers by channels. In eval mode synchronised is plain."""
    if name in ("BN", "nnSyncBN"):
        return nn.BatchNorm2d
    if name == "GN":
        return lambda channels: nn.GroupNorm(32, channels)
    return lambda _channels: None


class Stem(nn.Module):
    """Three small convolutions in place of one of 7x7; a quarter of the size comes out."""

    def __init__(self, channels: int, norm: Callable[[int], nn.Module | None]) -> None:
        super().__init__()
        half = channels // 2
        self.conv1 = Conv(3, half, 3, norm(half), stride=2)
        self.conv2 = Conv(half, half, 3, norm(half))
        self.conv3 = Conv(half, channels, 3, norm(channels))

    def forward(self, x: Tensor) -> Tensor:
        for conv in (self.conv1, self.conv2, self.conv3):
            x = F.relu(conv(x))
        return F.max_pool2d(x, kernel_size=3, stride=2, padding=1)


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 with a shortcut around them."""

    def __init__(
        self,
        inputs: int,
        width: int,
        outputs: int,
        settings: Backbone,
        *,
        stride: int,
        dilation: int,
    ) -> None:
        super().__init__()
        norm = norm_maker(settings.norm)
        stride_1x1, stride_3x3 = (stride, 1) if settings.stride_in_1x1 else (1, stride)
        self.shortcut = (
            Conv(inputs, outputs, 1, norm(outputs), stride=stride) if inputs != outputs else None
        )
        self.conv1 = Conv(inputs, width, 1, norm(width), stride=stride_1x1)
        self.conv2 = Conv(
            width,
            width,
            3,
            norm(width),
            stride=stride_3x3,
            dilation=dilation,
            groups=settings.num_groups,
        )
        self.conv3 = Conv(width, outputs, 1, norm(outputs))

    def forward(self, x: Tensor) -> Tensor:
        around = x if self.shortcut is None else self.shortcut(x)
        x = F.relu(self.conv1(x))
        x = F.relu(self.conv2(x))
        return F.relu(self.conv3(x) + around)


class ResNet(nn.Module):
    """The stages up to the last one that is asked for."""

    def __init__(self, settings: Backbone) -> None:
        super().__init__()
        self.stem = Stem(settings.stem_out_channels, norm_maker(settings.norm))
        self.stages = STAGES[: max(map(STAGES.index, settings.out_features)) + 1]
        shapes: dict[str, tuple[int, int]] = {}
        inputs, outputs = settings.stem_out_channels, settings.res2_out_channels
        width, stride = settings.num_groups * settings.width_per_group, STEM_STRIDE
        for name, count in zip(self.stages, BLOCKS[settings.depth], strict=False):
            dilations = _dilations(name, count, settings)
            first = 1 if name == "res2" or _base_dilation(name, settings) > 1 else 2
            blocks = [
                Bottleneck(
                    inputs if i == 0 else outputs,
                    width,
                    outputs,
                    settings,
                    stride=first if i == 0 else 1,
                    dilation=dilation,
                )
                for i, dilation in enumerate(dilations)
            ]
            self.add_module(name, nn.Sequential(*blocks))
            stride *= first
            shapes[name] = (outputs, stride)
            inputs, outputs, width = outputs, outputs * EXPANSION, width * EXPANSION
        self.shapes: dict[str, tuple[int, int]] = {n: shapes[n] for n in settings.out_features}
        """Channels and stride of each output."""

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Every output by its name, for pictures (N, 3, H, W) normalised and padded."""
        found: dict[str, Tensor] = {}
        x = self.stem(x)
        for name in self.stages:
            x = self.get_submodule(name)(x)
            if name in self.shapes:
                found[name] = x
        return found


def _base_dilation(name: str, settings: Backbone) -> int:
    return {"res4": settings.res4_dilation, "res5": settings.res5_dilation}.get(name, 1)


def _dilations(name: str, count: int, settings: Backbone) -> list[int]:
    """Of each block's 3x3 convolution; res5 has a grid of its own."""
    base = _base_dilation(name, settings)
    if name == "res5":
        return [base * factor for factor in settings.res5_multi_grid]
    return [base] * count
