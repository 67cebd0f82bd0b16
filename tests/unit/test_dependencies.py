"""Libraries that cannot be loaded: what their errors mean, and what to do."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from stream_anon.core import dependencies
from stream_anon.core.dependencies import LONGEST_CAUSE, cause, check, explain, load
from stream_anon.detectors import openvino_start, runtime
from stream_anon.detectors.centerface import find_weights
from stream_anon.detectors.compiled import Compiled
from stream_anon.errors import DependencyError, ModelError, ParserError, StreamAnonError

if TYPE_CHECKING:
    from pathlib import Path

GONE = "cannot open shared object file: No such file or directory"
MEANINGS: dict[str, tuple[str, Exception, list[str]]] = {
    "libGL": ("cv2", ImportError(f"libGL.so.1: {GONE}"), ["libGL.so.1", "headless", "libgl1"]),
    "libgthread": (
        "cv2",
        ImportError(f"libgthread-2.0.so.0: {GONE}"),
        ["libgthread-2.0.so.0", "headless", "libglib2.0-0"],
    ),
    "a library that we do not know": (
        "cv2",
        ImportError(f"libstrange.so.7: {GONE}"),
        ["needs libstrange.so.7", "headless", "install its package"],
    ),
    "one of PyAV's": ("av", OSError(f"libdrm.so.2: {GONE}"), ["PyAV needs libdrm.so.2"]),
    "NumPy's old words": (
        "cv2",
        ImportError("numpy.core.multiarray failed to import"),
        ["built for another version of NumPy", "--force-reinstall opencv-python"],
    ),
    "NumPy's new words": (
        "cv2",
        AttributeError("_ARRAY_API not found"),
        ["built for another version of NumPy"],
    ),
    "a header of another size": (
        "av",
        ValueError("numpy.dtype size changed, may indicate binary incompatibility. Expected 96"),
        ["PyAV was built for another version of NumPy"],
    ),
    "no OpenCV": (
        "cv2",
        ModuleNotFoundError("No module named 'cv2'", name="cv2"),
        ["OpenCV is not installed: pip install opencv-python", "opencv-python-headless"],
    ),
    "no PyAV": (
        "av",
        ModuleNotFoundError("No module named 'av'", name="av"),
        ["PyAV is not installed: pip install 'av>="],
    ),
    "half of OpenCV": (
        "cv2",
        ImportError('ERROR: recursion is detected\nduring loading of "cv2"'),
        ["OpenCV cannot be loaded", "--force-reinstall opencv-python"],
    ),
    "half of PyAV": (
        "av",
        ModuleNotFoundError("No module named 'av._core'", name="av._core"),
        ["PyAV cannot be loaded (No module named 'av._core')"],
    ),
    "Windows": (
        "cv2",
        ImportError("DLL load failed while importing cv2: The specified module was not found."),
        ["Visual C++ Redistributable"],
    ),
    "something else": ("typer", SyntaxError("odd"), ["typer cannot be loaded (odd"]),
}


@pytest.mark.parametrize("case", MEANINGS)
def test_an_import_that_fails_is_explained_in_one_line(case: str) -> None:
    module, error, told = MEANINGS[case]
    line = explain(module, error)
    assert all(words in line for words in told), line
    assert "\n" not in line


def test_every_library_that_is_needed_has_a_name_and_is_here() -> None:
    assert set(dependencies.NEEDED) <= set(dependencies.LIBRARIES)
    check()


@pytest.mark.parametrize("error", [OSError("x"), RuntimeError("x"), SystemError("x"), KeyError(1)])
def test_whatever_an_import_raises_is_a_dependency_error(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(_name: str) -> None:
        print("what libraries print")  # noqa: T201 - for the test
        raise error

    monkeypatch.setattr(dependencies, "import_module", fail)
    with pytest.raises(DependencyError, match="OpenCV cannot be loaded") as caught:
        load("cv2")
    assert caught.value.exit_code == 5
    assert isinstance(caught.value, ImportError)
    dependencies.preload()
    assert capfd.readouterr() == ("", "")


def test_the_cause_is_short_and_says_what_went_wrong_not_where() -> None:
    said = "Exception from src/core.cpp:109:\nException from src/cpu/plugin.cpp:3:\nno room\n"
    assert cause(RuntimeError(said)) == "no room"
    assert cause(RuntimeError("Exception from src/core.cpp:109:")) == (
        "Exception from src/core.cpp:109"
    )
    assert cause(KeyError()) == "KeyError"
    assert len(cause(RuntimeError("x" * 999))) == LONGEST_CAUSE


class Stub:
    """OpenVINO where one step fails."""

    def __init__(self, step: str, error: Exception) -> None:
        self.step, self.error = step, error

    def __getattr__(self, name: str) -> Any:
        def call(*_: object, **__: object) -> Any:
            if name == self.step:
                raise self.error
            return self

        return call


STEPS: dict[str, tuple[type[StreamAnonError], str]] = {
    "Core": (DependencyError, "OpenVINO cannot start"),
    "read_model": (ModelError, "OpenVINO cannot read the network's weights"),
    "compile_model": (ParserError, "OpenVINO cannot compile the network"),
    "create_infer_request": (ParserError, "OpenVINO failed on an input"),
    "infer": (ParserError, "OpenVINO failed on an input"),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("error", [RuntimeError("stoi"), ValueError("stoi"), OSError("stoi")])
def test_whatever_openvino_raises_is_told_with_its_cause_and_the_next_step(
    step: str, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openvino_start, "load_openvino", lambda: Stub(step, error))
    monkeypatch.setattr(runtime, "COMPILED", cache := Compiled())
    kind, words = STEPS[step]
    with (
        pytest.raises(kind, match=rf"{words}.*\(stoi\): ") as caught,
        closing(runtime.Network(find_weights(), threads=1)) as network,
    ):
        network.run(np.zeros((1, 3, 32, 32), np.float32))
    assert "pip install" in str(caught.value)
    assert caught.value.exit_code == 5
    assert len(cache) == 0, "nothing is held"


@pytest.mark.parametrize("step", ["compile_model", "infer"])
def test_a_lack_of_memory_stays_one(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino_start, "load_openvino", lambda: Stub(step, MemoryError()))
    monkeypatch.setattr(runtime, "COMPILED", Compiled())
    with pytest.raises(MemoryError):
        runtime.Network(find_weights(), threads=1).run(np.zeros((1, 3, 32, 32), np.float32))


class TestOldProcessors:
    """Without AVX2, OpenVINO is tried in a process of its own before it can end this one."""

    @pytest.fixture(autouse=True)
    def _forget(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        monkeypatch.setattr(openvino_start, "lacks_avx2", lambda: True)
        openvino_start.check_old_processor.cache_clear()
        yield
        openvino_start.check_old_processor.cache_clear()

    @pytest.mark.slow
    def test_a_crash_there_is_an_error_here(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(openvino_start, "_TRIAL", "import os, signal; os.kill(os.getpid(), 4)")
        with pytest.raises(DependencyError, match=r"has no AVX2 \(it ended with code -4\): use a"):
            runtime.Network(find_weights(), threads=1)

    @pytest.mark.slow
    def test_where_it_works_nothing_is_refused(self) -> None:
        runtime.Network(find_weights(), threads=1).close()
        assert openvino_start.check_old_processor.cache_info().currsize == 1

    def test_a_new_processor_is_not_tried(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(openvino_start, "lacks_avx2", lambda: False)
        monkeypatch.setattr("subprocess.run", None)
        runtime.Network(find_weights(), threads=1).close()


@pytest.mark.slow
def test_the_trial_itself_runs(tmp_path: Path) -> None:
    import subprocess
    import sys

    code = openvino_start._TRIAL + "\nimport pathlib; pathlib.Path('done').touch()"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, timeout=120)
    assert (tmp_path / "done").exists()
