"""M2FP in plain PyTorch answers as the reference does, for networks and pictures of many shapes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from make_m2fp_golden import GOLDEN, make_picture, write_case

from stream_anon.detectors.m2fp import load_network
from tests.m2fp_models import write_tiny_model
from tests.requirements import require_m2fp
from tests.runs import SHARED

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch
    from numpy.typing import NDArray

    Arrays = dict[str, NDArray[Any]]

pytestmark = pytest.mark.slow

CLOSE = 1e-4
"""Largest difference, as a share of the largest value; rounding makes about 2e-6."""
PIXEL = 1e-3
"""What a pixel more or less in its mask, which is a matter of rounding, can do to a score."""
OUTPUTS = ("pred_logits", "pred_masks")
CASES: dict[str, dict[str, Any]] = json.loads((GOLDEN / "m2fp.json").read_text())["cases"]
PEOPLE = [name for name, case in CASES.items() if case["scales"]]


@pytest.fixture(autouse=True)
def _torch() -> None:
    require_m2fp()


@pytest.fixture(scope="module")
def golden() -> Arrays:
    with np.load(GOLDEN / "m2fp.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> torch.nn.Module:
    require_m2fp()
    return load_network(write_tiny_model(tmp_path_factory.mktemp("tiny")))


def ask(network: torch.nn.Module, pictures: NDArray[np.float32]) -> dict[str, torch.Tensor]:
    import torch

    answer = network(torch.from_numpy(pictures))
    assert set(answer) == set(OUTPUTS)
    return dict(answer)


def apart(a: Any, b: Any) -> float:
    """Largest difference as a share of the largest value."""
    a, b = np.asarray(a), np.asarray(b)
    assert a.shape == b.shape
    return float(np.abs(a - b).max() / np.abs(b).max())


def by_category(category: Any, score: Any, area: Any) -> list[NDArray[Any]]:
    """All three ordered by category and then by score."""
    order = np.lexsort((score, category))
    return [np.asarray(column)[order] for column in (category, score, area)]


@pytest.mark.parametrize("name", CASES)
def test_it_answers_as_the_reference(name: str, golden: Arrays, tmp_path: Path) -> None:
    case = CASES[name]
    answer = ask(load_network(write_case(tmp_path, case)), make_picture(*case["picture"]))
    for output in OUTPUTS:
        assert apart(answer[output], golden[f"{name}.{output}"]) < CLOSE, output


def test_the_comparison_sees_a_network_of_another_shape(golden: Arrays, tmp_path: Path) -> None:
    """Same names and shapes of weights, so only the answers can tell."""
    case = CASES["plain"]
    model = {**case["model"], "decoder": {**case["model"]["decoder"], "pre_norm": True}}
    network = load_network(write_case(tmp_path, {**case, "model": model}))
    answer = ask(network, make_picture(*case["picture"]))
    assert apart(answer["pred_logits"], golden["plain.pred_logits"]) > 100 * CLOSE


def test_the_cases_differ_in_what_the_reference_can_vary() -> None:
    def varied(section: str, key: str) -> int:
        return len({json.dumps(case["model"][section][key]) for case in CASES.values()})

    assert varied("backbone", "depth") == 3
    assert varied("backbone", "norm") == 4
    for key in ("out_features", "num_groups", "res4_dilation", "res5_multi_grid", "stride_in_1x1"):
        assert varied("backbone", key) > 1, key
    for key in ("transformer_in_features", "common_stride", "transformer_enc_layers", "conv_dim"):
        assert varied("encoder", key) > 1, key
    for key in ("pre_norm", "dec_layers", "hidden_dim", "enforce_input_project", "num_classes"):
        assert varied("decoder", key) > 1, key


@pytest.mark.parametrize("name", PEOPLE)
def test_parts_and_humans_are_those_of_the_reference(
    name: str, golden: Arrays, tmp_path: Path
) -> None:
    from stream_anon.detectors.m2fp.reference import Found, parts_and_humans

    case = CASES[name]
    size = case["picture"][1], case["picture"][2]
    answer = ask(load_network(write_case(tmp_path, case)), make_picture(*case["picture"]))
    found = parts_and_humans(answer, size, size, case["model"]["num_parsing"])
    for kind, ours in zip(("part", "human"), found, strict=True):
        theirs = [golden[f"{name}.{kind}_{what}"] for what in Found._fields]
        (category, score, area), expected = by_category(*ours), by_category(*theirs)
        assert np.array_equal(category, expected[0]), kind
        assert np.allclose(score, expected[1], atol=PIXEL), kind
        assert np.allclose(area, expected[2], atol=2), kind


@pytest.mark.parametrize(("height", "width"), [(1, 1), (31, 33), (45, 110), (64, 7)])
def test_odd_sizes_are_padded_after_normalisation(
    tiny: torch.nn.Module, height: int, width: int
) -> None:
    picture = make_picture(1, height, width)
    mean = np.array([123.675, 116.28, 103.53], np.float32)  # 0 once it is normalised
    tall, wide = (-(-side // 32) * 32 for side in (height, width))
    padded = np.broadcast_to(mean[:, None, None], (1, 3, tall, wide)).copy()
    padded[:, :, :height, :width] = picture
    odd, even = ask(tiny, picture), ask(tiny, padded)
    assert odd["pred_masks"].shape[2:] == (tall // 4, wide // 4)
    for output in OUTPUTS:
        assert apart(odd[output], even[output]) < CLOSE, output


def test_a_batch_gives_what_its_pictures_give(tiny: torch.nn.Module) -> None:
    pictures = make_picture(3, 50, 70)
    together = ask(tiny, pictures)
    assert apart(together["pred_logits"][0], together["pred_logits"][1]) > CLOSE
    for output in OUTPUTS:
        singles = np.concatenate([ask(tiny, one[None])[output] for one in pictures])
        assert apart(together[output], singles) < CLOSE, output


def test_the_same_picture_gives_the_same_answer(tiny: torch.nn.Module) -> None:
    picture = make_picture(1, 64, 64)
    first, second = ask(tiny, picture), ask(tiny, picture)
    for output in OUTPUTS:
        assert np.array_equal(first[output], second[output])


def test_it_is_ready_to_be_asked_and_not_to_be_trained(tiny: torch.nn.Module) -> None:
    assert not any(module.training for module in tiny.modules())
    assert not any(parameter.requires_grad for parameter in tiny.parameters())
    assert not ask(tiny, make_picture(1, 32, 32))["pred_logits"].requires_grad


def test_the_picture_stays_as_it_was(tiny: torch.nn.Module) -> None:
    picture = make_picture(1, 64, 64)
    before = picture.copy()
    ask(tiny, picture)
    assert np.array_equal(picture, before)


@pytest.mark.parametrize("kind", ["tiny", "full"])
def test_it_answers_as_the_shared_record_says(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The published network at its full size too; outside the project, weights and all."""
    import torch

    folder = SHARED / "m2fp"
    if not (folder / "golden.npz").is_file():
        pytest.skip(f"no record of M2FP in {folder}")
    monkeypatch.syspath_prepend(str(folder))
    made = __import__("weights")
    shapes = json.loads((folder / f"state_dict.{kind}.json").read_text())
    weights = {
        name: torch.from_numpy(np.asarray(made.tensor(name, tuple(shape)), np.float32))
        if dtype == "float32"
        else torch.zeros(shape, dtype=torch.int64)
        for name, (dtype, shape) in shapes.items()
    }
    torch.save({"model": weights}, tmp_path / "pytorch_model.pt")
    configuration = (folder / f"configuration.{kind}.json").read_text()
    (tmp_path / "configuration.json").write_text(configuration)
    network = load_network(tmp_path)
    picture: Callable[[int, int], NDArray[np.float32]] = made.image
    with np.load(folder / "golden.npz") as record:
        sizes = {key.split("_")[1] for key in record.files if key.startswith(f"{kind}_")}
        assert sizes
        for size in sizes:
            height, width = map(int, size.split("x"))
            answer = ask(network, picture(height, width)[None])
            for output in OUTPUTS:
                assert apart(answer[output], record[f"{kind}_{size}_{output}"]) < CLOSE
