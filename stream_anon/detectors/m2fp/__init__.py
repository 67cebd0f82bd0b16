"""M2FP: multi-human parsing to the pixel.

Importing this imports neither PyTorch nor OpenVINO; `load_network` needs the extra `m2fp`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stream_anon.errors import ModelError

if TYPE_CHECKING:
    from os import PathLike

    import torch

__all__ = ["load_network"]


def load_network(model_dir: str | PathLike[str]) -> torch.nn.Module:
    """Load the network of a model folder with PyTorch, in eval mode.

    Args:
        model_dir: holds `configuration.json` and `pytorch_model.pt`.

    Returns:
        A module that takes float32 RGB (N, 3, H, W) in 0..255 of any size and returns
        `pred_logits` (N, Q, classes + 1) and `pred_masks` (N, Q, h, w).

    Raises:
        ModelError: PyTorch is not installed, or the folder is incomplete, damaged or of another
            model.
    """
    from pathlib import Path  # noqa: PLC0415

    try:
        from stream_anon.detectors.m2fp.checkpoint import load_network as load  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise ModelError(
            "PyTorch is not installed: pip install 'stream-anon[m2fp]' "
            "(from a checkout: ./scripts/setup m2fp) brings what m2fp needs"
        ) from error
    return load(Path(model_dir))
