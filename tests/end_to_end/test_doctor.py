"""`stream-anon doctor`: what works here and what does not, without names."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from stream_anon.cli import doctor
from tests.machines import REAL, run, stand_in

SECRET = "zaphod-beeblebrox"


def examined(folder: Path, **environment: str) -> tuple[int, dict[str, str]]:
    """Exit code and lines by their names, of a machine whose user is a secret."""
    home = folder / SECRET
    home.mkdir(exist_ok=True)
    names = {"HOME": str(home), "USER": SECRET, "LOGNAME": SECRET, "DISPLAY": f"{SECRET}:0"}
    done = run("doctor", cwd=folder, **{**names, **environment})
    assert done.stderr == ""
    for secret in (SECRET, str(folder), str(Path(__file__).parents[2]), platform.node()):
        assert secret not in done.stdout
    lines: dict[str, str] = {}
    for line in done.stdout.splitlines():
        name = line[:12].strip()
        lines[name] = lines.get(name, "") + line[12:] + "\n"
    return done.returncode, lines


def test_a_machine_that_works_is_described_without_names(tmp_path: Path) -> None:
    code, lines = examined(tmp_path)
    assert code == 0, lines
    assert lines["redacting"].startswith(" works")
    assert f"Python {platform.python_version()}" in lines["system"]
    assert "used:" in lines["processor"]
    assert "numpy " in lines["packages"]
    assert lines["libraries"].count(" loads\n") == 3
    assert "encoders: libx264" in lines["FFmpeg"]
    assert lines["OpenVINO"].startswith(" starts: ")
    assert "centerface: installed" in lines["models"]
    assert "webcams" in lines["cameras"]
    assert lines["display"].startswith(" no: ")


def test_a_broken_opencv_is_told_and_the_rest_is_shown(tmp_path: Path) -> None:
    gone = f'raise ImportError("/home/{SECRET}/libGL.so.1: cannot open shared object file")'
    code, lines = examined(tmp_path, **stand_in(tmp_path, "cv2", gone))
    assert code == 5
    assert "no: OpenCV needs libGL.so.1, which this system lacks: pip" in lines["libraries"]
    assert "PyAV" in lines["libraries"]
    assert lines["redacting"].startswith(" no: exit code 5: OpenCV needs libGL.so.1")


def test_a_crash_of_openvino_is_told(tmp_path: Path) -> None:
    crash = REAL.format(module="openvino") + "def fail(*_): os.abort()\nopenvino.Core = fail\n"
    code, lines = examined(tmp_path, **stand_in(tmp_path, "openvino", crash))
    assert code == 1
    assert lines["OpenVINO"] == " no: it crashed with signal 6\n"
    assert lines["redacting"] == " no: it crashed with signal 6\n"


def test_a_part_that_fails_hides_no_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> doctor.Lines:
        yield "a beginning"
        raise ZeroDivisionError("division by zero")

    for part in ("_system", "_openvino", "_models", "_display", "_ffmpeg"):
        monkeypatch.setattr(doctor, part, broken)
    monkeypatch.setattr(doctor, "_trial", lambda: (0, "works"))
    assert doctor.examine() == 0
    said = capsys.readouterr().out
    assert said.count("no: ZeroDivisionError: division by zero") == 5
    assert "cameras" in said
    assert "redacting    works" in said
