"""M2FP as one plain PyTorch module, built as a model folder's configuration says.

Yang et al., "Deep learning technique for human parsing: a survey and outlook", 2023
(arXiv:2301.00394).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn
from torch.nn import functional as F

from stream_anon.detectors.m2fp.backbone import ResNet
from stream_anon.detectors.m2fp.configuration import DEVIATION, MEAN, STRIDE
from stream_anon.detectors.m2fp.pixel_decoder import PixelDecoder
from stream_anon.detectors.m2fp.transformer import MaskedDecoder

if TYPE_CHECKING:
    from stream_anon.detectors.m2fp.configuration import Model


class Head(nn.Module):
    """Pixel decoder and transformer decoder under the checkpoint's name for them."""

    def __init__(self, model: Model, backbone: ResNet) -> None:
        super().__init__()
        self.pixel_decoder = PixelDecoder(model.encoder, backbone.shapes)
        self.predictor = MaskedDecoder(model.decoder, model.encoder.conv_dim)

    def forward(self, found: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        features, levels = self.pixel_decoder(found)
        logits, masks = self.predictor(features, levels)
        return logits, masks


class M2FP(nn.Module):
    """The whole network, normalisation and padding included."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.backbone = ResNet(model.backbone)
        self.sem_seg_head = Head(model, self.backbone)
        self.register_buffer("mean", _colors(MEAN), persistent=False)
        self.register_buffer("deviation", _colors(DEVIATION), persistent=False)

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """Parse pictures of one size.

        Args:
            pictures: float32 (N, 3, H, W), RGB in 0..255, any H and W.

        Returns:
            `pred_logits` (N, Q, classes + 1), the last class being "nothing", and `pred_masks`
            (N, Q, h, w), logits over the picture padded at the right and the bottom to multiples
            of `STRIDE`.
        """
        height, width = pictures.shape[2:]
        normal = (pictures - self.mean) / self.deviation
        logits, masks = self.answer(F.pad(normal, (0, -width % STRIDE, 0, -height % STRIDE)))
        return {"pred_logits": logits, "pred_masks": masks}

    def answer(self, normal: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and masks for pictures that are normalised and padded."""
        logits, masks = self.sem_seg_head(self.backbone(normal))
        return logits, masks


def _colors(values: tuple[float, float, float]) -> Tensor:
    from torch import tensor  # noqa: PLC0415

    return tensor(values).view(1, 3, 1, 1)
