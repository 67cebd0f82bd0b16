"""Text without the folders, users and machines that it names."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from stream_anon.core.anonymous import anonymous

HOME = "/home/Ada Lovelace"
TEXTS = {
    f"cannot import name 'x' from 'cv2' ({HOME}/.venv/lib/cv2/__init__.py)": (
        "cannot import name 'x' from 'cv2' (…/__init__.py)"
    ),
    f"cannot read {HOME}/clients/Smith/film.mp4: gone": "cannot read …: gone",
    f"no home: {HOME}": "no home: ~",
    "C:\\Users\\Ada\\AppData\\cv2.pyd is missing": "…/cv2.pyd is missing",
    "/opt/secret/lib/libGL.so.1: cannot open": "…/libGL.so.1: cannot open",
    "let it read /proc/cpuinfo and /sys/devices/system/cpu": (
        "let it read /proc/cpuinfo and /sys/devices/system/cpu"
    ),
    "ADA at charlotte, charlotte.example.org": "… at …, …",
    "the display charlotte:10.0 does not respond": "the display …:10.0 does not respond",
    "Adagio and Linux, MPEG 4/2 and C420jpeg": "Adagio and Linux, MPEG 4/2 and C420jpeg",
    "pip install 'av>=18,<19'": "pip install 'av>=18,<19'",
}


@pytest.fixture(autouse=True)
def _of_ada(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "HOME": HOME, "USERPROFILE": "", "USER": "ada", "LOGNAME": "linux", "USERNAME": "",
        "DISPLAY": "charlotte:10.0",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(platform, "node", lambda: "charlotte.example.org")


@pytest.mark.parametrize("text", TEXTS)
def test_names_and_folders_go_and_the_rest_stays(text: str) -> None:
    assert anonymous(text) == TEXTS[text]


def test_a_home_that_is_a_link_goes_by_both_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real-name").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real-name")
    monkeypatch.setenv("HOME", str(tmp_path / "link"))
    said = anonymous(f"{tmp_path}/real-name/a and {tmp_path}/link, of real-name")
    assert "real-name" not in said


def test_it_works_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError

    monkeypatch.setattr(Path, "home", homeless)
    monkeypatch.delenv("HOME")
    assert anonymous("nothing to hide") == "nothing to hide"
