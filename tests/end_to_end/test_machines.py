"""Machines that lack something: one clear line with the next step, or it works without."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

import stream_anon
from tests.machines import LIKE_WINDOWS, REAL, one_line, run, stand_in
from tests.runs import leftovers

if TYPE_CHECKING:
    from pathlib import Path

NO_LIBGL = 'raise ImportError("libGL.so.1: cannot open shared object file: No such file or dir")'
BROKEN = {
    "no libGL": ("cv2", NO_LIBGL, ["libGL.so.1", "opencv-python-headless", "apt-get", "libgl1"]),
    "another NumPy": (
        "cv2",
        'print("NumPy 1.x\\nTraceback"); raise AttributeError("_ARRAY_API not found")',
        ["NumPy", "pip install --force-reinstall opencv-python"],
    ),
    "a broken PyAV": (
        "av",
        'raise OSError("libx265.so.199: cannot open shared object file: No such file")',
        ["PyAV needs libx265.so.199"],
    ),
    "no OpenVINO": (
        "openvino",
        'raise ModuleNotFoundError("No module named \'openvino\'", name="openvino")',
        ["OpenVINO is not installed", "pip install"],
    ),
    "OpenVINO does not start": (
        "openvino",
        REAL.format(module="openvino")
        + "def fail(*_, **__): raise RuntimeError('stoi')\nopenvino.Core = fail",
        ["OpenVINO cannot start (stoi)", "/sys/devices/system/cpu"],
    ),
}
"""What is put in place of a module, and what has to be told. Other messages: test_dependencies."""


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_broken_is_told_in_one_line_with_the_next_step(
    case: str, clip: Path, tmp_path: Path
) -> None:
    module, code, told = BROKEN[case]
    environment = stand_in(tmp_path, module, code)
    done = run("redact", clip, "out.mp4", cwd=tmp_path, **environment)
    line = one_line(done)
    assert done.returncode == 5
    assert all(words in line for words in told), line
    assert leftovers(tmp_path) == ["stand-ins"]


def test_help_and_version_need_no_library_that_can_be_broken(tmp_path: Path) -> None:
    modules = ("cv2", "av", "openvino", "numpy")
    folders = [stand_in(tmp_path / m, m, "raise ImportError('broken')") for m in modules]
    path = os.pathsep.join(folder["PYTHONPATH"] for folder in folders)
    done = run("--version", cwd=tmp_path, PYTHONPATH=path)
    version = f"stream-anon {stream_anon.__version__}\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, version, "")
    done = run("redact", "--help", cwd=tmp_path, PYTHONPATH=path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "blur, fill, silhouette, avatar" in done.stdout


def test_programs_meet_the_same_error(tmp_path: Path) -> None:
    environment = stand_in(tmp_path, "cv2", NO_LIBGL)
    code = """
import pickle, stream_anon
from stream_anon.errors import StreamAnonError
try:
    stream_anon.redact
except StreamAnonError as error:
    again = pickle.loads(pickle.dumps(error))
    print(type(again).__name__, "libGL.so.1" in str(again), isinstance(again, ImportError))
"""
    done = run("--version", cwd=tmp_path, before=code, **environment)
    assert done.stdout.splitlines()[0] == "DependencyError True True", done.stderr


def test_a_run_that_openvino_crashed_blocks_no_later_one(clip: Path, tmp_path: Path) -> None:
    crash = f"""{REAL.format(module="openvino")}
class Core(openvino.Core):
    def compile_model(self, *_, **__):
        os.abort()
openvino.Core = Core
"""
    environment = stand_in(tmp_path, "openvino", crash)
    done = run("redact", clip, "out.mp4", cwd=tmp_path, **environment)
    assert done.returncode < 0
    assert not (tmp_path / "out.mp4").exists()
    assert run("redact", clip, "out.mp4", "-q", cwd=tmp_path).returncode == 0
    assert leftovers(tmp_path) == ["out.mp4", "stand-ins"]


ALL_COMMANDS = f"""{LIKE_WINDOWS}
import importlib, pkgutil, stream_anon
for module in pkgutil.walk_packages(stream_anon.__path__, "stream_anon."):
    if module.name != "stream_anon.__main__" and ".m2fp." not in module.name:
        importlib.import_module(module.name)
from stream_anon.cli.main import run
assert run(["live", "--help"]) == run(["models", "list"]) == run(["redact", "--help"]) == 0
"""


def test_it_redacts_without_what_windows_lacks(clip: Path, tmp_path: Path) -> None:
    """Every module can be imported, the help is shown, and a video is redacted."""
    done = run("redact", clip, "out.mp4", "-q", cwd=tmp_path, before=ALL_COMMANDS)
    assert (done.returncode, done.stderr) == (0, "")
    assert leftovers(tmp_path) == ["out.mp4"]


def test_where_locks_are_missing_a_killed_run_s_file_is_named(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "out.mp4.part").write_bytes(b"left by a killed run")
    done = run("redact", clip, "out.mp4", cwd=tmp_path, before=LIKE_WINDOWS)
    assert done.returncode == 4
    assert "out.mp4.part already exists" in one_line(done)
    assert "remove it" in done.stderr
