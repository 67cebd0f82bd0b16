"""Write what M2FP's reference implementation answers for small networks of many shapes.

usage: make_m2fp_golden.py [FOLDER]     (default: tests/golden; writes m2fp.npz and m2fp.json)

Needs PyTorch and ModelScope, whose `M2FP` is the reference: the published network, unchanged. What
it imports and does not need for answering is stubbed; mmcv's deformable attention is replaced by
its definition. The weights are made by `tests/m2fp_models.py`, so that the files stay small.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.m2fp_models import CONFIGURATION, STAGES, write_tiny_model

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from numpy.typing import NDArray

GOLDEN = Path(__file__).parents[1] / "tests" / "golden"
BLOCK = 8
"""Pixels of a patch of one color in the made-up pictures."""
TUNED = {
    "sem_seg_head.predictor.query_feat.weight": 8.0,
    "sem_seg_head.predictor.query_embed.weight": 8.0,
    "sem_seg_head.predictor.class_embed.weight": 4.0,
    "sem_seg_head.predictor.mask_embed.layers.2.weight": 4.0,
}
"""Makes the queries of made-up weights differ and be sure of something."""
CUT, MARGIN = 0.1, 1e-3
"""The reference cuts there; no score may be that close, or rounding decides who is found."""

SMALL: dict[str, Any] = {
    "encoder": {"conv_dim": 32, "mask_dim": 32, "transformer_nheads": 4},
    "decoder": {"hidden_dim": 32, "mask_dim": 32, "nheads": 4, "num_queries": 8},
}
CASES: dict[str, dict[str, Any]] = {
    "plain": {"picture": [1, 75, 110]},
    "deep": {"backbone": {"depth": 101}, "decoder": {"dec_layers": 9}},
    "grouped": {
        "backbone": {"num_groups": 4, "width_per_group": 4, "stride_in_1x1": True},
        "encoder": {"transformer_enc_layers": 3},
    },
    "group_norm": {
        "backbone": {"norm": "GN", "stem_out_channels": 64, "width_per_group": 32},
        "decoder": {"enforce_input_project": True},
    },
    "no_norm": {"backbone": {"norm": "", "res2_out_channels": 40, "stem_out_channels": 22}},
    "dilated": {
        "backbone": {
            "out_features": ["res5", "res3", "res2", "res4"],
            "res4_dilation": 2,
            "res5_dilation": 4,
            "res5_multi_grid": [2, 1, 3],
        },
    },
    "no_res5": {
        "backbone": {"out_features": STAGES[:3], "depth": 152, "norm": "nnSyncBN"},
        "encoder": {"transformer_in_features": ["res4"]},
        "picture": [1, 40, 41],
    },
    "one_level": {"encoder": {"transformer_in_features": ["res5"]}},
    "four_levels": {"encoder": {"transformer_in_features": STAGES}, "picture": [2, 64, 64]},
    "coarse": {
        "encoder": {"transformer_in_features": ["unheard_of", "res4", "res2"], "common_stride": 8},
    },
    "projected": {
        "encoder": {"conv_dim": 64, "mask_dim": 24, "common_stride": 2},
        "decoder": {"hidden_dim": 36, "mask_dim": 24, "pre_norm": True, "dec_layers": 4},
    },
    "no_layers": {"encoder": {"transformer_enc_layers": 0}, "decoder": {"dec_layers": 0}},
    "people": {
        "decoder": {"num_queries": 40},
        "picture": [1, 61, 83],
        "scales": TUNED,
        "seed": 7,
    },
    "few_classes": {
        "decoder": {"num_queries": 30, "num_classes": 7},
        "classes": ["Background", "Hair", "Face", "Coat", "Left-arm", "Right-arm", "Human"],
        "num_parsing": 6,
        "picture": [1, 96, 64],
        "scales": TUNED,
        "seed": 5,
    },
}
"""Changes of the section `model`; pictures are [count, height, width]."""


def make_picture(count: int, height: int, width: int) -> NDArray[np.float32]:
    """Patches of random colors, (count, 3, height, width) in 0..255."""
    grid = (count, 3, -(-height // BLOCK), -(-width // BLOCK))
    colors = np.random.default_rng((count, height, width)).uniform(0, 255, grid)
    return colors.repeat(BLOCK, 2).repeat(BLOCK, 3)[:, :, :height, :width].astype(np.float32)


def write_case(folder: Path, case: dict[str, Any]) -> Path:
    """Write the model folder of an entry of `m2fp.json`."""
    import torch  # noqa: PLC0415

    write_tiny_model(folder, case["seed"], **case["model"])
    checkpoint = folder / "pytorch_model.pt"
    content = torch.load(checkpoint, weights_only=True)
    for name, scale in case["scales"].items():
        content["model"][name] *= scale
    torch.save(content, checkpoint)
    return folder


def full_case(changes: dict[str, Any]) -> dict[str, Any]:
    """A case with nothing left to defaults: what `m2fp.json` holds."""
    rest = dict(changes)
    case: dict[str, Any] = {
        key: rest.pop(key, default)
        for key, default in (("picture", [1, 64, 96]), ("seed", 0), ("scales", {}))
    }
    model = {**CONFIGURATION["model"], **rest}
    for section in ("backbone", "encoder", "decoder"):
        model[section] = {
            **CONFIGURATION["model"][section],
            **SMALL.get(section, {}),
            **rest.get(section, {}),
        }
    return {**case, "model": model}


def answer_of_reference(folder: Path, case: dict[str, Any]) -> dict[str, NDArray[Any]]:
    """What the reference says to the case's picture; with people where scales ask for them."""
    import torch  # noqa: PLC0415

    sections = {key: value for key, value in case["model"].items() if key != "type"}
    network = import_reference()(str(folder), **json.loads(json.dumps(sections)))
    network.load_state_dict(torch.load(folder / "pytorch_model.pt", weights_only=True)["model"])
    pictures = torch.from_numpy(make_picture(*case["picture"]))
    with torch.no_grad():
        said = network.eval().forward({"batched_inputs": [{"image": one} for one in pictures]})
        outputs = said["outputs"]
        answer = {key: outputs[key].numpy() for key in ("pred_logits", "pred_masks")}
        if case["scales"]:
            parsing = network.postprocess(said)["eval_result"][0]["parsing"]
            for kind in ("part", "human"):
                answer |= found(kind, parsing[f"{kind}_outputs"])
    return answer


def found(kind: str, results: Sequence[dict[str, Any]]) -> dict[str, NDArray[Any]]:
    """Category, score and area in pixels of each result, best first."""
    ranked = sorted(results, key=lambda result: -result["score"])
    scores = np.array([result["score"] for result in ranked], np.float32)
    spread = len(scores) > 1 and scores.min() < 0.3 and scores.max() > 0.6
    if not spread or scores.min() < CUT + MARGIN:
        raise ValueError(f"the scores of {kind} are not spread well: {scores}; try another seed")
    return {
        f"{kind}_category": np.array([result["category_id"] for result in ranked]),
        f"{kind}_score": scores,
        f"{kind}_area": np.array([int((result["mask"] > 0).sum()) for result in ranked]),
    }


def import_reference() -> Any:
    """ModelScope's class M2FP, without what only other models of ModelScope need."""
    vision = importlib.import_module("modelscope.models.cv")
    colors = package("modelscope.models.cv.image_colorization.ddcolor")
    colors.__path__ = [str(Path(p) / "image_colorization" / "ddcolor") for p in vision.__path__]
    package("modelscope.models.cv.image_instance_segmentation.maskdino_swin", ImageList=Padded)
    package("mmcv")
    package("mmcv.ops")
    package(
        "mmcv.ops.multi_scale_deform_attn",
        MultiScaleDeformableAttnFunction=None,  # so the reference takes the one for the CPU
        multi_scale_deformable_attn_pytorch=deformable_attention,
    )
    return importlib.import_module("modelscope.models.cv.image_human_parsing.m2fp_net").M2FP


def package(name: str, **content: Any) -> ModuleType:
    """Put a made-up module where `import` finds it."""
    module = sys.modules.setdefault(name, ModuleType(name))
    vars(module).update(content)
    return module


class Padded:
    """Pictures of one size, padded with zeros at the right and the bottom."""

    def __init__(self, tensor: torch.Tensor, size: tuple[int, int]) -> None:
        self.tensor, self.image_sizes = tensor, [size] * len(tensor)

    @classmethod
    def from_tensors(cls, pictures: list[torch.Tensor], multiple: int) -> Padded:
        """The reference's name for making one."""
        import torch  # noqa: PLC0415

        height, width = pictures[0].shape[1:]
        sides = (0, -width % multiple, 0, -height % multiple)
        return cls(torch.nn.functional.pad(torch.stack(pictures), sides), (height, width))


def deformable_attention(
    value: torch.Tensor, shapes: torch.Tensor, places: torch.Tensor, weights: torch.Tensor
) -> torch.Tensor:
    """Equation 3 of Deformable DETR (arXiv:2010.04159), cell by cell in float64.

    Args:
        value: (N, cells of all levels, heads, C).
        shapes: (levels, 2), rows and columns.
        places: (N, queries, heads, levels, points, 2), x and y in 0..1.
        weights: (N, queries, heads, levels, points).

    Returns:
        (N, queries, heads * C).
    """
    import torch  # noqa: PLC0415

    n, _, heads, channels = value.shape
    mixed = torch.zeros(n, places.shape[1], heads, channels, dtype=torch.float64)
    start = 0
    batch = torch.arange(n)[:, None, None, None]
    head = torch.arange(heads)[None, None, :, None]
    for level, (rows, columns) in enumerate(shapes.tolist()):
        x = places[:, :, :, level, :, 0].double() * columns - 0.5
        y = places[:, :, :, level, :, 1].double() * rows - 0.5
        for down in (0, 1):
            for across in (0, 1):
                column, row = x.floor() + across, y.floor() + down
                share = (1 - (x - column).abs()) * (1 - (y - row).abs())
                inside = (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
                cell = row.clamp(0, rows - 1) * columns + column.clamp(0, columns - 1)
                corner = value[batch, start + cell.long(), head].double()
                factor = weights[:, :, :, level].double() * share * inside
                mixed += (corner * factor[..., None]).sum(3)
        start += rows * columns
    return mixed.flatten(2).to(value.dtype)


def main(folder: Path) -> None:
    """Write the golden files."""
    arrays: dict[str, NDArray[Any]] = {}
    cases = {name: full_case(changes) for name, changes in CASES.items()}
    with TemporaryDirectory() as scratch:
        for name, case in cases.items():
            model_dir = write_case(Path(scratch) / name, case)
            for key, value in answer_of_reference(model_dir, case).items():
                arrays[f"{name}.{key}"] = value
            print(name, *(f"{k}{v.shape}" for k, v in arrays.items() if k.startswith(f"{name}.")))
    versions = {p: importlib.import_module(p).__version__ for p in ("modelscope", "torch")}
    body = ",\n".join(f"  {json.dumps(name)}: {json.dumps(case)}" for name, case in cases.items())
    record = f'{{"made_with": {json.dumps(versions)},\n "cases": {{\n{body}\n }}}}\n'
    (folder / "m2fp.json").write_text(record)
    np.savez_compressed(folder / "m2fp.npz", allow_pickle=False, **arrays)
    print(f"{folder / 'm2fp.npz'}: {(folder / 'm2fp.npz').stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else GOLDEN)
