"""The published post-processing, at full size: what ours is checked and timed against.

After the authors' own: 100 best answers, their masks enlarged to the picture, scores from there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from torch.nn import functional as F

from stream_anon.detectors.m2fp.configuration import STRIDE

if TYPE_CHECKING:
    from torch import Tensor

MOST = 100
MIN_SCORE = 0.1


class Found(NamedTuple):
    """All answers of one kind for one picture."""

    category: Tensor
    """(n,) class numbers."""
    score: Tensor
    """(n,) 0..1."""
    area: Tensor
    """(n,) pixels of the picture in which the mask is set."""


def parts_and_humans(
    answer: dict[str, Tensor], size: tuple[int, int], shown: tuple[int, int], human: int
) -> tuple[Found, Found]:
    """Parts and humans in one picture.

    Args:
        answer: of the network, for one picture.
        size: rows and columns of the picture that the network saw.
        shown: rows and columns of the picture that it was scaled from.
        human: class number of whole people; 0 is background.
    """
    logits, masks = answer["pred_logits"][0], answer["pred_masks"]
    padded = [-(-side // STRIDE) * STRIDE for side in size]
    masks = F.interpolate(masks, size=padded, mode="bilinear", align_corners=False)
    masks = masks[:, :, : size[0], : size[1]]
    masks = F.interpolate(masks, size=shown, mode="bilinear", align_corners=False)[0]
    chances = logits.softmax(-1)[:, :-1]
    classes = chances.shape[1]
    best, which = chances.flatten().topk(min(MOST, chances.numel()))
    category, masks = which % classes, masks[which // classes]
    inside = masks > 0
    area = inside.flatten(1).sum(1)
    mean = (masks.sigmoid() * inside).flatten(1).sum(1) / (area + 1e-6)
    score = best * mean
    people = (category == human) & (score > MIN_SCORE)
    parts = (category != human) & (category != 0) & (score >= MIN_SCORE)
    return (
        Found(category[parts], score[parts], area[parts]),
        Found(category[people], score[people], area[people]),
    )
