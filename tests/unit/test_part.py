"""Files on their way: ours alone while they are written, and published all or none."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stream_anon.core import file_lock as part_lock
from stream_anon.core.file_lock import locks_tell
from stream_anon.core.files import PartFile, part_of, publish
from stream_anon.errors import OutputExistsError, SinkError

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
CLAIM = """
import sys
from pathlib import Path
from stream_anon.core.files import PartFile
PartFile(Path(sys.argv[1]), overwrite=False).claim()
print("claimed", flush=True)
sys.stdin.read()
"""


@contextmanager
def other_run(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has claimed `path`, and writes it until it is killed."""
    with subprocess.Popen(
        [sys.executable, "-c", CLAIM, str(path)], cwd=ROOT, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "claimed\n"
        try:
            yield process
        finally:
            process.kill()


def claimed(path: Path, content: str = "new", *, overwrite: bool = False) -> PartFile:
    file = PartFile(path, overwrite=overwrite)
    file.claim()
    file.part.write_text(content)
    return file


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out.mp4"


@pytest.fixture(params=["with links", "without links"])
def _links(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """File systems that can give a file two names, and those that cannot."""
    if request.param == "without links":

        def refuse(*_: object) -> None:
            raise OSError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(os, "link", refuse)


class TestOwners:
    def test_two_of_one_process_do_not_write_the_same(self, out: Path) -> None:
        first = claimed(out)
        with pytest.raises(OutputExistsError, match="being written by another run: wait"):
            PartFile(out, overwrite=True).claim()
        assert contents(out.parent) == {"out.mp4.part": "new"}
        first.discard()
        claimed(out).discard()
        assert contents(out.parent) == {}

    @pytest.mark.slow
    def test_what_another_run_writes_is_refused_until_that_is_killed(self, out: Path) -> None:
        with other_run(out) as process:
            part_of(out).write_text("half a video")
            with pytest.raises(OutputExistsError, match="being written by another run"):
                claimed(out)
            assert contents(out.parent) == {"out.mp4.part": "half a video"}
            process.kill()
            process.wait()
        assert contents(out.parent) == {"out.mp4.part": "half a video"}
        publish(claimed(out))
        assert contents(out.parent) == {"out.mp4": "new"}

    def test_an_output_whose_run_was_killed_while_publishing_stays(self, out: Path) -> None:
        part_of(out).write_text("whole")
        os.link(part_of(out), out)
        claimed(out).discard()
        assert contents(out.parent) == {"out.mp4": "whole"}

    def test_what_is_no_file_is_left_alone(self, out: Path) -> None:
        precious = out.with_name("precious")
        precious.write_text("precious")
        part_of(out).symlink_to(precious)
        with pytest.raises(OutputExistsError, match="remove it"):
            claimed(out)
        assert precious.read_text() == "precious"
        part_of(out).unlink()
        part_of(out).mkdir()
        with pytest.raises(OutputExistsError, match="remove it"):
            claimed(out)

    @pytest.mark.parametrize("why", ["no fcntl", "no locks", "a network"])
    def test_where_locks_tell_nothing_what_is_there_counts_as_owned(
        self, why: str, out: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class NoLocks:
            LOCK_EX = LOCK_NB = 0

            @staticmethod
            def flock(*_: object) -> None:
                raise OSError(errno.ENOLCK, "No locks available")

        if why == "no fcntl":
            monkeypatch.setattr(part_lock, "fcntl", None)
        elif why == "no locks":
            monkeypatch.setattr(part_lock, "fcntl", NoLocks)
        else:
            monkeypatch.setattr(part_lock, "locks_tell", lambda _: False)
        part_of(out).write_text("half a video")
        with pytest.raises(
            OutputExistsError,
            match="cannot be determined whether another run is writing it: remove it if no other",
        ):
            claimed(out)
        assert contents(out.parent) == {"out.mp4.part": "half a video"}
        part_of(out).unlink()
        first = claimed(out)
        with pytest.raises(OutputExistsError):
            claimed(out)
        publish(first)
        assert contents(out.parent) == {"out.mp4": "new"}

    def test_of_many_at_once_one_gets_what_was_left_behind(self, out: Path) -> None:
        winners = 0
        for _ in range(30):
            part_of(out).write_text("half a video")
            won: list[PartFile] = []
            start = threading.Barrier(6)

            def claim(won: list[PartFile] = won, start: threading.Barrier = start) -> None:
                file = PartFile(out, overwrite=False)
                start.wait()
                try:
                    file.claim()
                except OutputExistsError:
                    return
                won.append(file)

            threads = [threading.Thread(target=claim) for _ in range(6)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert len(won) <= 1  # none, where each found another one that was giving up
            winners += len(won)
            for file in won:
                file.discard()
            part_of(out).unlink(missing_ok=True)
        assert winners

    @pytest.mark.parametrize(
        ("mounts", "tell"),
        [
            (["/ ext4"], True),
            (["/ ext4", "/data nfs4"], False),
            (["/data ext4", "/ nfs"], True),
            (["/ ext4", "/data/some\\040films cifs"], False),
            (["/ ext4", "/dat nfs4"], True),
            (["/data ext4", "/data fuse.sshfs"], False),
            (["/ what9"], False),
            ([], False),
        ],
        ids=str,
    )
    def test_locks_are_trusted_on_file_systems_of_this_machine(
        self, mounts: list[str], tell: bool, tmp_path: Path
    ) -> None:
        lines = [line.split() for line in mounts]
        text = "".join(f"1 0 0:1 / {at} rw - {kind} source rw\n" for at, kind in lines)
        (tmp_path / "mountinfo").write_text(text)
        told = locks_tell(Path("/data/some films/out.mp4.part"), tmp_path / "mountinfo")
        assert told == tell

    def test_locks_are_trusted_where_mounts_are_not_told(self, tmp_path: Path) -> None:
        assert locks_tell(tmp_path / "x", tmp_path / "no such file")


@pytest.mark.usefixtures("_links")
class TestPublishing:
    def test_all_get_their_names(self, tmp_path: Path) -> None:
        publish(claimed(tmp_path / "a"), claimed(tmp_path / "b", "other"))
        assert contents(tmp_path) == {"a": "new", "b": "other"}

    def test_what_may_be_replaced_is_replaced(self, out: Path) -> None:
        out.write_text("old")
        file = claimed(out, overwrite=True)
        publish(file)
        file.discard()
        assert contents(out.parent) == {"out.mp4": "new"}

    def test_what_appeared_meanwhile_stays(self, out: Path) -> None:
        file = claimed(out)
        out.write_text("precious")
        with pytest.raises(OutputExistsError, match="--overwrite"):
            publish(file)
        file.discard()
        assert contents(out.parent) == {"out.mp4": "precious"}

    def test_what_appears_at_the_last_instant_stays_too(
        self, out: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = claimed(out)
        monkeypatch.setattr(PartFile, "check", lambda _: out.write_text("precious"))
        with pytest.raises(OutputExistsError, match="--overwrite"):
            publish(file)
        file.discard()
        assert contents(out.parent) == {"out.mp4": "precious"}

    @pytest.mark.parametrize("error", [SinkError, KeyboardInterrupt])
    def test_where_one_fails_all_is_as_before(
        self, error: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "old").write_text("precious")
        files = [
            claimed(tmp_path / "old", overwrite=True),
            claimed(tmp_path / "fresh", overwrite=True),
            claimed(tmp_path / "last", overwrite=True),
        ]

        def fail() -> None:
            raise error("the fault")

        monkeypatch.setattr(files[-1], "place", fail)
        with pytest.raises(error, match="the fault"):
            publish(*files)
        for file in files:
            file.discard()
        assert contents(tmp_path) == {"old": "precious"}

    def test_an_old_file_survives_when_it_cannot_be_replaced(
        self, out: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        out.write_text("precious")
        file = claimed(out, overwrite=True)
        real = Path.replace

        def fail(path: Path, target: Path) -> Path:
            if path == file.part:
                raise OSError(errno.EIO, "Input/output error")
            return real(path, target)

        monkeypatch.setattr(Path, "replace", fail)
        with pytest.raises(SinkError, match=r"cannot write .*out\.mp4: input/output error"):
            publish(file)
        file.discard()
        assert contents(out.parent) == {"out.mp4": "precious"}

    def test_a_name_of_any_length_can_be_replaced(self, tmp_path: Path) -> None:
        path = tmp_path / ("ü" * 120 + ".mp4")
        path.write_text("old")
        publish(claimed(path, overwrite=True))
        assert contents(tmp_path) == {path.name: "new"}


def test_a_failing_publish_says_which_file(tmp_path: Path) -> None:
    file = claimed(tmp_path / "a.json")
    file.part.unlink()
    with pytest.raises(SinkError, match=r"cannot write .*a\.json"):
        publish(file)
    assert contents(tmp_path) == {}
