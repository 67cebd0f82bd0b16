"""An M2FP model folder is loaded only if it is whole, holds weights alone, and fits itself."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stream_anon.detectors.m2fp import load_network
from stream_anon.errors import CheckpointError, ModelError
from tests.m2fp_models import write_tiny_model
from tests.requirements import require_m2fp

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

pytestmark = pytest.mark.slow

CLASSES = "sem_seg_head.predictor.class_embed"
QUERIES = "sem_seg_head.predictor.query_feat.weight"


@pytest.fixture(autouse=True)
def _torch() -> None:
    require_m2fp()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model that is in order."""
    return write_tiny_model(tmp_path / "model")


def weights_of(folder: Path) -> dict[str, Tensor]:
    import torch

    content: dict[str, dict[str, Tensor]] = torch.load(folder / "pytorch_model.pt")
    return content["model"]


def save(folder: Path, content: Any) -> None:
    import torch

    torch.save(content, folder / "pytorch_model.pt")


def configure(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the section `model`."""
    path = folder / "configuration.json"
    said = json.loads(path.read_text())
    change(said["model"])
    path.write_text(json.dumps(said))


def refusal(folder: Path) -> str:
    """What is said when the model is refused: one line that names the file or the folder."""
    with pytest.raises(ModelError) as caught:
        load_network(folder)
    said = str(caught.value)
    assert "\n" not in said
    assert str(folder) in said
    return said


class TestWhole:
    @pytest.mark.parametrize("kind", [str, Path])
    def test_the_folder_is_a_path_or_a_string(
        self, folder: Path, kind: Callable[[Path], str | Path]
    ) -> None:
        assert not load_network(kind(folder)).training

    def test_every_weight_arrives_under_its_name(self, folder: Path) -> None:
        import torch

        loaded, saved = load_network(folder).state_dict(), weights_of(folder)
        assert list(loaded) == list(saved)
        assert all(torch.equal(loaded[name], value) for name, value in saved.items())

    def test_weights_of_half_precision_are_widened(self, folder: Path) -> None:
        import torch

        half = {name: value.half() for name, value in weights_of(folder).items()}
        save(folder, {"model": half})
        loaded = load_network(folder).state_dict()
        assert loaded[QUERIES].dtype == torch.float32
        assert torch.equal(loaded[QUERIES], half[QUERIES].float())

    def test_what_lies_beside_the_weights_is_left_alone(self, folder: Path) -> None:
        save(folder, {"model": weights_of(folder), "iteration": 7, "optimizer": {"lr": [0.1]}})
        assert load_network(folder).state_dict().keys() == weights_of(folder).keys()

    def test_other_sections_and_optional_keys_may_be_missing_or_there(self, folder: Path) -> None:
        said = json.loads((folder / "configuration.json").read_text())
        model = {key: said["model"][key] for key in ("type", "backbone", "encoder", "decoder")}
        for extra in (
            {},
            {"pretrained": False},
            {"pretrained": None, "classes": None, "num_parsing": None},
            {"single_human": True, "input_single_human": {"sizes": [[512, 512]]}},
            {"parsing_on": False, "semantic_on": True},
        ):
            text = json.dumps({"pipeline": {"any": 1}, "model": {**model, **extra}})
            (folder / "configuration.json").write_text(text)
            assert load_network(folder).state_dict().keys() == weights_of(folder).keys()


class TestCheckpointFile:
    def test_a_missing_one(self, folder: Path) -> None:
        (folder / "pytorch_model.pt").unlink()
        assert "pytorch_model.pt is missing: fetch or import" in refusal(folder)

    def test_a_folder_in_its_place(self, folder: Path) -> None:
        (folder / "pytorch_model.pt").unlink()
        (folder / "pytorch_model.pt").mkdir()
        assert "pytorch_model.pt" in refusal(folder)

    @pytest.mark.parametrize("share", [0, 0.001, 0.1, 0.5, 0.9, 0.999])
    def test_a_part_of_one(self, folder: Path, share: float) -> None:
        path = folder / "pytorch_model.pt"
        whole = path.read_bytes()
        path.write_bytes(whole[: int(len(whole) * share)])
        assert "pytorch_model.pt is damaged" in refusal(folder)

    @pytest.mark.parametrize(
        "content", [b"not a checkpoint", b"<html>no such model</html>", b"PK\3\4", bytes(5000)]
    )
    def test_something_else(self, folder: Path, content: bytes) -> None:
        (folder / "pytorch_model.pt").write_bytes(content)
        assert "pytorch_model.pt is damaged" in refusal(folder)

    @pytest.mark.parametrize("zipped", [True, False])
    def test_code_in_it_is_not_run(self, folder: Path, zipped: bool) -> None:
        marker = folder / "run"

        class Code:
            def __reduce__(self) -> tuple[Any, ...]:
                return Path.touch, (marker,)

        content = {"model": weights_of(folder), "more": Code()}
        if zipped:
            save(folder, content)
        else:
            (folder / "pytorch_model.pt").write_bytes(pickle.dumps({"more": Code()}))
        assert "something other than weights, and was not loaded" in refusal(folder)
        assert not marker.exists()
        pickle.loads(pickle.dumps(Code()))
        assert marker.exists(), "the code works where it is run"

    @pytest.mark.parametrize(
        "content",
        [
            {},
            [],
            7,
            {"model": None},
            {"model": [1.0]},
            {"model": {"a": 1}},
            {"model": {1: 2}},
            {"state_dict": {}},
        ],
    )
    def test_no_weights_under_model(self, folder: Path, content: Any) -> None:
        save(folder, content)
        assert "has no tensors under 'model'" in refusal(folder)

    def test_weights_without_the_key_model(self, folder: Path) -> None:
        save(folder, weights_of(folder))
        assert "has no tensors under 'model'" in refusal(folder)


class TestWeights:
    def test_every_key_that_does_not_fit_is_known(self, folder: Path) -> None:
        weights = weights_of(folder)
        gone = [f"{CLASSES}.bias", "backbone.stem.conv1.weight"]
        for name in gone:
            del weights[name]
        weights["criterion.empty_weight"] = weights["extra"] = weights[QUERIES]
        weights[QUERIES] = weights[QUERIES][:5]
        weights[f"{CLASSES}.weight"] = weights[f"{CLASSES}.weight"].T
        save(folder, {"model": weights})
        with pytest.raises(CheckpointError) as caught:
            load_network(folder)
        assert caught.value.missing == sorted(gone)
        assert caught.value.unexpected == ["criterion.empty_weight", "extra"]
        assert len(caught.value.misshapen) == 2
        assert f"{QUERIES} (5, 64) instead of (20, 64)" in caught.value.misshapen
        said = refusal(folder)
        assert "2 missing: backbone.stem.conv1.weight, sem_seg_head" in said
        assert "2 unexpected: criterion.empty_weight, extra" in said
        assert "2 misshapen" in said

    def test_three_of_many_are_named(self, folder: Path) -> None:
        renamed = {f"module.{name}": value for name, value in weights_of(folder).items()}
        save(folder, {"model": renamed})
        with pytest.raises(CheckpointError) as caught:
            load_network(folder)
        assert len(caught.value.missing) == len(caught.value.unexpected) == len(renamed)
        said = refusal(folder)
        assert f"{len(renamed)} missing" in said
        assert "misshapen" not in said
        assert said.count("module.") == CheckpointError.shown
        assert said.count(", …") == 2

    def test_a_configuration_of_another_size(self, folder: Path) -> None:
        configure(folder, lambda model: model["backbone"].update(depth=101))
        with pytest.raises(CheckpointError) as caught:
            load_network(folder)
        assert all(name.startswith("backbone.res4") for name in caught.value.missing)
        assert not caught.value.unexpected

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
    def test_values_that_are_no_numbers(self, folder: Path, value: float) -> None:
        weights = weights_of(folder)
        weights[QUERIES][3, 4] = value
        save(folder, {"model": weights})
        assert f"{QUERIES} holds values that are not numbers" in refusal(folder)


class TestConfiguration:
    def test_a_missing_one(self, folder: Path) -> None:
        (folder / "configuration.json").unlink()
        assert "configuration.json" in refusal(folder)

    def test_a_missing_folder(self, tmp_path: Path) -> None:
        assert "no such file" in refusal(tmp_path / "nowhere")

    @pytest.mark.parametrize(
        "text",
        [
            b"",
            b"{",
            b"model: m2fp",
            b"\xff\xfe{}",
            b"\0" * 100,
            b"[" * 100_000,
            b'{"model": ' * 100_000,
            b"9" * 5000,
        ],
    )
    def test_no_json(self, folder: Path, text: bytes) -> None:
        (folder / "configuration.json").write_bytes(text)
        assert "configuration.json is not valid JSON" in refusal(folder)

    @pytest.mark.parametrize("text", ["[]", "null", "3", "{}", '{"model": 3}', '{"model": []}'])
    def test_json_without_the_section(self, folder: Path, text: str) -> None:
        (folder / "configuration.json").write_text(text)
        assert "no section model" in refusal(folder)

    @pytest.mark.parametrize("kind", ["maskdino_swin", None, 3, ["m2fp"]])
    def test_another_model(self, folder: Path, kind: Any) -> None:
        configure(folder, lambda model: model.update(type=kind))
        assert f"is for a model of type {kind!r}, not m2fp" in refusal(folder)

    @pytest.mark.parametrize("section", ["backbone", "encoder", "decoder"])
    def test_unknown_keys_of_a_section(self, folder: Path, section: str) -> None:
        configure(folder, lambda model: model[section].update(attention="linear"))
        assert f"model.{section}.attention: unknown key" in refusal(folder)

    def test_unknown_keys_of_the_model(self, folder: Path) -> None:
        configure(folder, lambda model: model.update(teacher=True))
        assert "model.teacher: unknown key" in refusal(folder)

    @pytest.mark.parametrize("section", ["backbone", "encoder", "decoder"])
    def test_every_key_of_a_section_is_needed(self, folder: Path, section: str) -> None:
        path = folder / "configuration.json"
        whole = path.read_text()
        for key in json.loads(whole)["model"][section]:
            path.write_text(whole)
            configure(folder, lambda model, key=key: model[section].pop(key))  # type: ignore[misc]
            assert f"model.{section}.{key}: field required" in refusal(folder)

    @pytest.mark.parametrize(
        ("section", "key", "value"),
        [
            ("backbone", "depth", 18),
            ("backbone", "depth", "50"),
            ("backbone", "norm", "LN"),
            ("backbone", "out_features", []),
            ("backbone", "out_features", ["stem"]),
            ("backbone", "out_features", "res5"),
            ("backbone", "num_groups", 0),
            ("backbone", "num_groups", True),
            ("backbone", "width_per_group", 8.0),
            ("backbone", "stem_out_channels", 1),
            ("backbone", "stride_in_1x1", "no"),
            ("backbone", "stride_in_1x1", None),
            ("backbone", "res4_dilation", 4),
            ("backbone", "res5_dilation", 3),
            ("encoder", "in_features", None),
            ("encoder", "transformer_dropout", 1.5),
            ("encoder", "transformer_dropout", "0.1"),
            ("encoder", "transformer_enc_layers", -1),
            ("encoder", "conv_dim", "64"),
            ("encoder", "conv_dim", 10**30),
            ("encoder", "common_stride", 0),
            ("encoder", "common_stride", float("inf")),
            ("decoder", "mask_classification", False),
            ("decoder", "num_classes", 21.5),
            ("decoder", "num_queries", 0),
            ("decoder", "nheads", 0),
            ("decoder", "dec_layers", "3"),
            ("decoder", "pre_norm", "false"),
        ],
    )
    def test_values_of_another_kind_or_out_of_range(
        self, folder: Path, section: str, key: str, value: Any
    ) -> None:
        configure(folder, lambda model: model[section].update({key: value}))
        assert f"model.{section}.{key}" in refusal(folder)

    @pytest.mark.parametrize(
        ("section", "changes", "said"),
        [
            ("backbone", {"res4_dilation": 2}, "res5_dilation must be 4"),
            ("backbone", {"res5_multi_grid": [1, 2]}, "res5_multi_grid must have 3 entries"),
            ("backbone", {"norm": "GN"}, "cannot be built: num_channels"),
            ("backbone", {"out_features": ["res5"]}, "fewer than 3 levels"),
            ("encoder", {"in_features": []}, "names none of in_features"),
            ("encoder", {"transformer_in_features": ["res3"]}, "fewer than 3 levels"),
            ("encoder", {"conv_dim": 48}, "conv_dim must be a multiple of 32"),
            ("encoder", {"transformer_nheads": 5}, "must divide encoder.conv_dim"),
            ("encoder", {"mask_dim": 32}, "mask_dim must be equal"),
            ("decoder", {"nheads": 5}, "must divide decoder.hidden_dim"),
            ("decoder", {"hidden_dim": 66, "nheads": 2}, "multiple of 4"),
        ],
    )
    def test_values_that_do_not_fit_together(
        self, folder: Path, section: str, changes: dict[str, Any], said: str
    ) -> None:
        configure(folder, lambda model: model[section].update(changes))
        assert said in refusal(folder)

    @pytest.mark.parametrize("section", ["backbone", "encoder", "decoder"])
    @pytest.mark.parametrize("value", [None, 3, "x", []])
    def test_sections_that_are_none(self, folder: Path, section: str, value: Any) -> None:
        configure(folder, lambda model: model.update({section: value}))
        assert f"model.{section}: input should be" in refusal(folder)
