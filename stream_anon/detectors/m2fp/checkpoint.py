"""A model folder's `pytorch_model.pt`, loaded only if it fits its configuration exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from stream_anon.core.process_state import no_warnings
from stream_anon.detectors.m2fp.configuration import CHECKPOINT, read_configuration
from stream_anon.detectors.m2fp.network import M2FP
from stream_anon.errors import CheckpointError, ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

    from stream_anon.detectors.m2fp.configuration import Model

DTYPES = {torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int64}
"""Of the numbers in a checkpoint."""


def load_network(model_dir: Path) -> M2FP:
    """Build the network of a model folder and fill it, ready to be asked (eval mode).

    Args:
        model_dir: holds `configuration.json` and `pytorch_model.pt`.

    Raises:
        ModelError: the folder is incomplete, damaged or of another model.
    """
    model = read_configuration(model_dir)
    expected = _expected(model, model_dir)
    weights = read_checkpoint(model_dir)
    check_fit(expected, weights, model_dir)
    network = M2FP(model)
    network.load_state_dict(weights, strict=True)
    return network.eval().requires_grad_(False)


def _expected(model: Model, model_dir: Path) -> dict[str, Tensor]:
    """Names and shapes of the weights that a configuration calls for, at no cost."""
    try:
        with torch.device("meta"):
            return M2FP(model).state_dict()
    except (ValueError, RuntimeError, KeyError, OverflowError) as error:
        raise ModelError(f"the configuration in {model_dir} cannot be built: {error}") from error


def read_checkpoint(model_dir: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint. No code in it is run.

    Raises:
        ModelError: the file is missing, damaged, or holds something else than tensors.
    """
    path = model_dir / CHECKPOINT
    try:
        with no_warnings:  # what it warns of is refused below
            content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise ModelError(f"{path} is missing: fetch or import the model again") from error
    except OSError as error:
        reason = (error.strerror or "failed").lower()
        raise ModelError(f"cannot read {path}: {reason}") from error
    except Exception as error:
        raise ModelError(
            f"{path} is damaged, or holds something other than weights, and was not loaded "
            f"({type(error).__name__}): fetch or import the model again"
        ) from error
    weights = content.get("model") if isinstance(content, dict) else None
    if not isinstance(weights, dict) or not all(
        isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in weights.items()
    ):
        raise ModelError(f"{path} is not a checkpoint of M2FP: it has no tensors under 'model'")
    return weights


def check_fit(
    expected: Mapping[str, Tensor], weights: Mapping[str, Tensor], model_dir: Path
) -> None:
    """Refuse weights that are not those of the network.

    Raises:
        CheckpointError: names all keys that are missing, unexpected or of another shape.
        ModelError: a weight is not a plain tensor, or not a number in single precision.
    """
    missing = sorted(expected.keys() - weights.keys())
    unexpected = sorted(weights.keys() - expected.keys())
    misshapen = [
        f"{name} {tuple(weights[name].shape)} instead of {tuple(value.shape)}"
        for name, value in expected.items()
        if name in weights and weights[name].shape != value.shape
    ]
    if missing or unexpected or misshapen:
        raise CheckpointError(str(model_dir / CHECKPOINT), missing, unexpected, misshapen)
    for name, value in weights.items():
        plain = value.layout == torch.strided and value.device.type == "cpu"
        if not plain or value.dtype not in DTYPES:
            kind = f"{value.layout} of {value.dtype}".replace("torch.", "")
            raise ModelError(f"{model_dir / CHECKPOINT}: {name} is {kind}, which M2FP does not use")
        if not torch.isfinite(value.to(expected[name].dtype)).all():
            raise ModelError(f"{model_dir / CHECKPOINT}: {name} holds values that are not numbers")
