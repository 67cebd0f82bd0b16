"""Converting: once, for every size, whole; eight bits that agree or are refused."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from stream_anon.detectors.m2fp import convert as converting
from stream_anon.detectors.m2fp import load_network
from stream_anon.detectors.m2fp.convert import agreement, all_converted, convert, find_converted
from stream_anon.detectors.openvino_start import import_openvino
from stream_anon.detectors.runtime import Network
from stream_anon.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

pytestmark = pytest.mark.slow

SIZES = [(64, 64), (64, 96), (128, 64), (96, 224)]


def picture(rows: int, columns: int, seed: int = 0) -> NDArray[np.float32]:
    """Soft blotches: (1, 3, rows, columns), 0..255."""
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    waves = [np.sin((x * (3 + n) + y * (5 - n) + 40 * seed) / 37) for n in range(3)]
    return np.asarray(127.5 + 90 * np.stack(waves)[None], np.float32)


def answer(path: Path, asked: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    network = Network(path, threads=1, precision="f32")
    outputs = network.run(asked)
    network.close()
    return outputs


def in_memory(path: Path) -> Any:
    """A network that lives on when its file changes."""
    core = import_openvino().Core()
    core.set_property({"ENABLE_MMAP": False})
    return core.read_model(str(path))


class TestFullPrecision:
    @pytest.mark.parametrize("size", SIZES)
    def test_one_conversion_answers_as_pytorch_does_at_every_size(
        self, tiny_m2fp: Path, size: tuple[int, int]
    ) -> None:
        import torch

        asked = picture(*size)
        converted = find_converted(tiny_m2fp, "fp32")
        assert converted is not None
        with torch.inference_mode():
            expected = load_network(tiny_m2fp)(torch.from_numpy(asked))
        for ours, name in zip(
            answer(converted.path, asked), ("pred_logits", "pred_masks"), strict=True
        ):
            theirs = expected[name].numpy()
            assert ours.shape == theirs.shape
            assert np.abs(ours - theirs).max() <= 1e-4 * np.abs(theirs).max()

    def test_it_is_done_once(self, tiny_m2fp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(converting, "_export", lambda _folder: pytest.fail("converted again"))
        assert convert(tiny_m2fp) == find_converted(tiny_m2fp, "fp32")

    def test_running_it_imports_neither_pytorch_nor_modelscope(self, tiny_m2fp: Path) -> None:
        code = (
            "import sys; from pathlib import Path\n"
            "from stream_anon.detectors.m2fp.convert import convert\n"
            "from stream_anon.detectors.m2fp.parser import M2FPParser\n"
            "import stream_anon.pipeline.recording\n"
            f"convert(Path({str(tiny_m2fp)!r}))\n"
            "print([name for name in ('torch', 'modelscope') if name in sys.modules])"
        )
        run = subprocess.run(
            [sys.executable, "-c", code], check=False, capture_output=True, text=True
        )
        assert run.stdout == "[]\n", run.stderr

    def test_another_checkpoint_is_another_network(self, tiny_m2fp: Path, tmp_path: Path) -> None:
        other = tmp_path / "other"
        shutil.copytree(tiny_m2fp, other)
        configuration = other / "configuration.json"
        configuration.write_text(configuration.read_text() + "\n")
        assert find_converted(other, "fp32") is None


class TestDamage:
    @pytest.mark.parametrize("file", ["network.xml", "network.bin", "about.json"])
    @pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "gone"])
    def test_a_damaged_network_is_never_used(
        self, tiny_m2fp: Path, networks_copy: Path, file: str, damage: str
    ) -> None:
        found = find_converted(tiny_m2fp, "fp32")
        assert found is not None
        path = found.path.parent / file
        assert networks_copy in path.parents
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 255
        do: dict[str, Callable[[], object]] = {
            "cut": lambda: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
            "flipped": lambda: path.write_bytes(content),
            "empty": lambda: path.write_bytes(b""),
            "gone": path.unlink,
        }
        do[damage]()
        assert find_converted(tiny_m2fp, "fp32") is None

    def test_it_is_made_anew(
        self, tiny_m2fp: Path, networks_copy: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        found = find_converted(tiny_m2fp, "fp32")
        assert found is not None
        model = in_memory(found.path)
        (found.path.parent / "network.bin").write_bytes(b"damaged")
        monkeypatch.setattr(converting, "_export", lambda _folder: model)
        again = convert(tiny_m2fp)
        assert find_converted(tiny_m2fp, "fp32") == again
        assert [path.name for path in networks_copy.rglob("*.bin")] == ["network.bin"]

    def test_no_room_is_an_error_and_leaves_nothing(
        self, tiny_m2fp: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        monkeypatch.setattr(converting, "_export", lambda _folder: "no model can be saved")

        class Full:
            @staticmethod
            def save_model(_model: object, path: str, **_options: object) -> None:
                Path(path).write_bytes(b"half")
                raise RuntimeError("No space left on device")

        monkeypatch.setattr(converting, "import_openvino", lambda: Full)
        with pytest.raises(ModelError, match="no space left"):
            convert(tiny_m2fp)
        assert not [path for path in tmp_path.rglob("*") if path.is_file()]

    def test_without_pytorch_the_error_says_what_to_install(
        self, tiny_m2fp: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        monkeypatch.setitem(sys.modules, "torch", None)
        with pytest.raises(ModelError, match=r"needs PyTorch.*stream-anon\[m2fp\]"):
            convert(tiny_m2fp)

    def test_two_processes_at_once_both_get_a_whole_network(
        self, tiny_m2fp: Path, tmp_path: Path
    ) -> None:
        """Both export, which is slow; one suffices to see that saving at once is safe."""
        found = find_converted(tiny_m2fp, "fp32")
        assert found is not None
        code = (
            "import sys; from pathlib import Path\n"
            "from stream_anon.detectors.m2fp import convert as c\n"
            "from tests.unit.test_m2fp_convert import in_memory\n"
            f"model = in_memory(Path({str(found.path)!r}))\n"
            "c._export = lambda _folder: model\n"
            "print('ready', flush=True); sys.stdin.readline()\n"
            f"for _ in range(8): c._convert(Path({str(tiny_m2fp)!r}))\n"
            f"assert c.find_converted(Path({str(tiny_m2fp)!r}), 'fp32')\n"
        )
        environment = {
            **os.environ, "XDG_CACHE_HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)
        }  # fmt: skip
        runs = [
            subprocess.Popen(
                [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, text=True, env=environment,
            )
            for _ in range(2)
        ]  # fmt: skip
        for run in runs:
            assert run.stdout is not None
            assert run.stdout.readline() == "ready\n"
        for run in runs:
            _, said = run.communicate("go\n", timeout=120)
            assert run.returncode == 0, said
        networks = tmp_path / "stream_anon" / "networks"
        assert len(list(networks.iterdir())) == 1, "something half-written was left"


class TestEightBits:
    @pytest.fixture(autouse=True)
    def _less_is_enough_for_made_up_weights(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Trained networks are built to bear noise; these answer with whatever comes out."""
        monkeypatch.setattr(converting, "MIN_AGREEMENT", 0.7)

    def test_they_agree_and_say_how_far(self, tiny_m2fp: Path, networks_copy: Path) -> None:
        pictures = [picture(64, 96, seed) for seed in range(3)]
        converted = convert(tiny_m2fp, "int8", pictures=pictures, short_side=64)
        assert converted.agreement is not None
        assert 0.7 <= converted.agreement < 1
        assert find_converted(tiny_m2fp, "int8", 64) == converted
        assert find_converted(tiny_m2fp, "int8", 128) is None, "calibrated for another size"
        assert [made.short_side for made in all_converted(tiny_m2fp)] == [0, 64]
        full = find_converted(tiny_m2fp, "fp32")
        assert full is not None
        assert converted.digest != full.digest
        for ours, theirs in zip(
            answer(converted.path, pictures[0]), answer(full.path, pictures[0]), strict=True
        ):
            assert not np.array_equal(ours, theirs), "nothing was quantised"
            assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.97

    def test_the_weights_are_stored_in_eight_bits(
        self, tiny_m2fp: Path, networks_copy: Path
    ) -> None:
        converted = convert(tiny_m2fp, "int8", pictures=[picture(64, 96)])
        full = find_converted(tiny_m2fp, "fp32")
        assert full is not None
        small, large = (c.path.with_suffix(".bin").stat().st_size for c in (converted, full))
        assert small < 0.6 * large

    def test_too_little_agreement_is_refused_and_nothing_is_kept(
        self, tiny_m2fp: Path, networks_copy: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(converting, "MIN_AGREEMENT", 1.01)
        with pytest.raises(ModelError, match=r"int8 sees only \d+\.\d% of what fp32 sees"):
            convert(tiny_m2fp, "int8", pictures=[picture(64, 96)])
        assert find_converted(tiny_m2fp, "int8") is None

    def test_without_pictures_there_is_nothing_to_calibrate_on(self, tiny_m2fp: Path) -> None:
        with pytest.raises(ModelError, match="calibrated on pictures"):
            convert(tiny_m2fp, "int8")


class TestAgreement:
    LOGITS = np.array([[5.0, 0, -5], [0, 5, -5], [-5, -5, 5]], np.float32)
    MASKS = np.where(np.arange(300).reshape(3, 10, 10) % 10 < 5, 4.0, -4.0).astype(np.float32)

    def test_the_same_answer_agrees_fully(self) -> None:
        both = [self.LOGITS, self.MASKS]
        assert agreement(both, both) == pytest.approx(1)

    def test_other_masks_of_what_is_seen_count_and_of_nothing_do_not(self) -> None:
        seen, unseen = self.MASKS.copy(), self.MASKS.copy()
        seen[0] *= -1
        unseen[2] *= -1
        assert agreement([self.LOGITS, self.MASKS], [self.LOGITS, seen]) == pytest.approx(
            0.5, abs=0.01
        )
        assert agreement([self.LOGITS, self.MASKS], [self.LOGITS, unseen]) > 0.99

    def test_other_classes_count(self) -> None:
        other = self.LOGITS.copy()
        other[0] = other[0, ::-1]
        assert agreement([self.LOGITS, self.MASKS], [other, self.MASKS]) < 0.6


def test_the_hashes_in_about_are_those_of_the_files(tiny_m2fp: Path) -> None:
    found = find_converted(tiny_m2fp, "fp32")
    assert found is not None
    about = json.loads((found.path.parent / "about.json").read_text())
    assert about["sha256"] == found.digest == converting._digest(found.path.parent)
