"""Where models lie: whole under their name or not at all, whoever writes at the same time."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stream_anon.detectors import folders
from stream_anon.detectors.m2fp import store
from stream_anon.errors import ModelError
from tests.refusals import names

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
FILES = ("configuration.json", "pytorch_model.pt")


def write(folder: Path, text: str) -> None:
    for name in FILES:
        (folder / name).write_text(text)


def contents(folder: Path) -> list[str]:
    return [(folder / name).read_text() for name in FILES]


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A model that is there already."""
    folder = tmp_path / "models" / "m2fp"
    folder.mkdir(parents=True)
    write(folder, "old")
    return folder


def test_a_folder_gets_its_name_when_it_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "models" / "m2fp"
    with folders.new_folder(target) as part:
        assert names(part) == []
        write(part, "new")
        assert not target.exists()
        assert part.parent == target.parent  # one file system: renaming copies nothing
    assert contents(target) == ["new", "new"]
    assert names(target.parent) == ["m2fp"]


def test_an_older_folder_is_replaced_whole(target: Path) -> None:
    (target / "leftover").write_text("of another version")
    with folders.new_folder(target) as part:
        write(part, "new")
        assert contents(target) == ["old", "old"]
    assert names(target) == sorted(FILES)
    assert contents(target) == ["new", "new"]
    assert names(target.parent) == ["m2fp"]


@pytest.mark.parametrize(("age", "stays"), [(0, True), (3600, True), (3 * 86400, False)])
def test_what_a_killed_writer_left_is_swept_up_days_later(
    target: Path, age: float, stays: bool
) -> None:
    left = target.parent / ".m2fp.k1lled"
    left.mkdir()
    (left / FILES[0]).write_text("half")
    then = left.stat().st_mtime - age
    os.utime(left, (then, then))
    with folders.new_folder(target) as part:
        write(part, "new")
    assert left.exists() is stays
    assert contents(target) == ["new", "new"]


@pytest.mark.parametrize("error", [ValueError("bad"), KeyboardInterrupt(), ModelError("damaged")])
def test_a_failure_leaves_everything_as_it_was(target: Path, error: BaseException) -> None:
    def fail() -> None:
        with folders.new_folder(target) as part:
            write(part, "new")
            raise error

    with pytest.raises(type(error)):
        fail()
    assert contents(target) == ["old", "old"]
    assert names(target.parent) == ["m2fp"]


def test_a_full_disk_is_told_and_leaves_nothing(target: Path) -> None:
    def fill() -> None:
        with folders.new_folder(target) as part:
            write(part, "new")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(ModelError, match="no space left on device; nothing was left") as caught:
        fill()
    assert str(target) in str(caught.value)
    assert contents(target) == ["old", "old"]
    assert names(target.parent) == ["m2fp"]


def test_a_disk_that_is_full_for_real_is_told_and_leaves_nothing(target: Path) -> None:
    def fill() -> None:
        with folders.new_folder(target) as part:
            (part / FILES[0]).symlink_to("/dev/full")
            write(part, "new")

    with pytest.raises(ModelError, match="no space left"):
        fill()
    assert contents(target) == ["old", "old"]
    assert names(target.parent) == ["m2fp"]


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with (
        pytest.raises(ModelError, match="cannot write"),
        folders.new_folder(tmp_path / "file" / "m"),
    ):
        pytest.fail("there is nowhere to write")
    assert names(tmp_path) == ["file"]


def test_a_failed_rename_leaves_nothing_new(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, other: Path) -> Path:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(ModelError, match="permission denied"), folders.new_folder(target) as part:
        write(part, "new")
    assert contents(target) == ["old", "old"]
    assert names(target.parent) == ["m2fp"]


REPLACING = """
import sys, time
from pathlib import Path
from stream_anon.detectors import folders
target, stamp, times = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
for name in ("ready" + stamp,):
    (target.parent.parent / name).touch()
while len(list(target.parent.parent.glob("ready*"))) < 2:
    time.sleep(0.001)
for number in range(times):
    with folders.new_folder(target) as part:
        for name in ("configuration.json", "pytorch_model.pt"):
            (part / name).write_text(f"{stamp}{number}")
"""


def start(target: Path, stamp: str, times: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", REPLACING, str(target), stamp, str(times)]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("again", range(3))
def test_two_processes_at_once_leave_one_whole_folder(target: Path, again: int) -> None:
    processes = [start(target, stamp, 5) for stamp in "ab"]
    ends = [(process.communicate(timeout=60)[1], process.returncode) for process in processes]
    assert ends == [("", 0), ("", 0)]
    first, second = contents(target)
    assert first == second
    assert first in ("a4", "b4")
    assert names(target.parent) == ["m2fp"]


KILLED = """
import os, sys
from pathlib import Path
from stream_anon.detectors import folders
with folders.new_folder(Path(sys.argv[1])) as part:
    (part / "configuration.json").write_text("half")
    os.kill(os.getpid(), 9)
"""


def test_a_writer_that_was_killed_leaves_the_old_folder_whole(target: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(target)]
    done = subprocess.run(command, cwd=ROOT, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    assert contents(target) == ["old", "old"]
    with folders.new_folder(target) as part:
        write(part, "new")
    assert contents(target) == ["new", "new"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_places_follow_xdg(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert folders.models_dir() == home / ".local/share/stream_anon/models"
    assert folders.networks_dir() == home / ".cache/stream_anon/networks"
    monkeypatch.setenv("XDG_DATA_HOME", "/somewhere")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative/is/void")
    assert folders.models_dir() == Path("/somewhere/stream_anon/models")
    assert folders.networks_dir() == home / ".cache/stream_anon/networks"


def test_m2fp_is_installed_when_both_files_are_there(home: Path) -> None:
    assert store.model_dir() == folders.models_dir() / "m2fp"
    assert not store.is_installed()
    store.model_dir().mkdir(parents=True)
    write(store.model_dir(), "anything")
    assert store.is_installed()
    (store.model_dir() / FILES[1]).unlink()
    assert not store.is_installed()
    assert not store.is_installed(home)
