"""Small M2FP models with made-up weights, for tests that need a model folder but no trained one."""

from __future__ import annotations

import json
import zlib
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np

from stream_anon.detectors.m2fp.configuration import model_files, read_configuration

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from numpy.typing import NDArray

STAGES = ["res2", "res3", "res4", "res5"]
CLASSES = [
    "Background", "Hat", "Hair", "Glove", "Sunglasses", "UpperClothes", "Dress", "Coat", "Socks",
    "Pants", "Torso-skin", "Scarf", "Skirt", "Face", "Left-arm", "Right-arm", "Left-leg",
    "Right-leg", "Left-shoe", "Right-shoe", "Human",
]  # fmt: skip
"""What CIHP tells apart, and whole people."""

CONFIGURATION: dict[str, Any] = {
    "framework": "pytorch",
    "task": "image-segmentation",
    "model": {
        "type": "m2fp",
        "backbone": {
            "out_features": STAGES,
            "depth": 50,
            "num_groups": 1,
            "width_per_group": 8,
            "norm": "BN",
            "stem_out_channels": 16,
            "res2_out_channels": 32,
            "stride_in_1x1": False,
            "res4_dilation": 1,
            "res5_dilation": 1,
            "res5_multi_grid": [1, 2, 4],
        },
        "encoder": {
            "in_features": STAGES,
            "transformer_dropout": 0.0,
            "transformer_nheads": 8,
            "transformer_dim_feedforward": 64,
            "transformer_enc_layers": 1,
            "conv_dim": 64,
            "mask_dim": 64,
            "transformer_in_features": STAGES[1:],
            "common_stride": 4,
        },
        "decoder": {
            "num_classes": len(CLASSES),
            "hidden_dim": 64,
            "num_queries": 20,
            "nheads": 8,
            "dim_feedforward": 64,
            "dec_layers": 2,
            "pre_norm": False,
            "mask_dim": 64,
            "enforce_input_project": False,
        },
        "classes": CLASSES,
        "num_parsing": len(CLASSES) - 1,
        "single_human": False,
        "parsing_on": True,
        "semantic_on": False,
        "parsing_ins_score_thr": 0.3,
    },
}


def write_tiny_model(folder: Path, seed: int = 0, **changes: Any) -> Path:
    """Write a model folder of about 1.5 MB whose weights are the same everywhere.

    Args:
        folder: made if it is missing.
        seed: other seeds give other weights.
        changes: keys of the section `model`; dictionaries are merged into what is there, as in
            `decoder={"num_queries": 5}`.

    Returns:
        The folder.
    """
    import torch

    from stream_anon.detectors.m2fp.network import M2FP

    said = deepcopy(CONFIGURATION)
    for key, value in changes.items():
        if isinstance(value, dict):
            said["model"].setdefault(key, {}).update(value)
        else:
            said["model"][key] = value
    folder.mkdir(parents=True, exist_ok=True)
    configuration, checkpoint = model_files(folder)
    configuration.write_text(json.dumps(said, indent=1), encoding="utf-8")
    with torch.device("meta"):
        expected = M2FP(read_configuration(folder)).state_dict()
    weights = {
        name: torch.from_numpy(_weight(name, tuple(value.shape), seed))
        if value.is_floating_point()
        else torch.zeros(value.shape, dtype=value.dtype)
        for name, value in expected.items()
    }
    torch.save({"model": weights}, checkpoint)
    return folder


def use_models(patch: pytest.MonkeyPatch, root: Path) -> None:
    """Take models and converted networks from folders below `root`."""
    patch.setenv("XDG_DATA_HOME", str(root / "data"))
    patch.setenv("XDG_CACHE_HOME", str(root / "cache"))


def write_full_model(folder: Path) -> Path:
    """The same in the size of the published one: about 250 MB."""
    return write_tiny_model(
        folder,
        backbone={
            "depth": 101, "width_per_group": 64, "stem_out_channels": 128,
            "res2_out_channels": 256, "res5_multi_grid": [1, 1, 1],
        },
        encoder={
            "transformer_dim_feedforward": 1024, "transformer_enc_layers": 6, "conv_dim": 256,
            "mask_dim": 256,
        },
        decoder={
            "hidden_dim": 256, "num_queries": 100, "dim_feedforward": 2048, "dec_layers": 9,
            "mask_dim": 256,
        },
    )  # fmt: skip


def make_outspoken(folder: Path) -> None:
    """Let a model of `write_tiny_model` be surer of its classes: as it is, it sees next to none."""
    import torch

    _, checkpoint = model_files(folder)
    content = torch.load(checkpoint, weights_only=True)
    content["model"]["sem_seg_head.predictor.class_embed.weight"] *= 3
    torch.save(content, checkpoint)


def _weight(name: str, shape: tuple[int, ...], seed: int) -> NDArray[np.float32]:
    """Normal noise that keeps activations at about their size from layer to layer."""
    rng = np.random.default_rng((zlib.crc32(name.encode()), seed))
    noise = rng.standard_normal(shape)
    if len(shape) >= 2:
        noise /= np.sqrt(np.prod(shape[1:]))
    elif name.endswith("running_var"):
        noise = 1 + np.abs(noise) / 10
    elif name.endswith("weight"):  # scales of normalisations
        noise = 1 + noise / 10
    else:
        noise /= 20
    return noise.astype(np.float32)
