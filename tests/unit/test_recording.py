"""Recordings lose nothing where segments meet, overwrite nothing and delete only what is theirs."""

from __future__ import annotations

import os
import time
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stream_anon.config import Settings
from stream_anon.errors import ConfigError, SinkError
from stream_anon.sinks.live.names import Names
from stream_anon.sinks.live.recording import RecordingSink
from tests.numbered import FIRST_PTS, INFO, RATE, expected, numbered, numbers, seen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ENDINGS = ("mkv", "mp4", "mov", "ts", "webm")
NOON = 1_700_000_000


def recording(path: Path, **more: Any) -> RecordingSink:
    return RecordingSink(path, INFO, Settings(), **more)


def record(path: Path, frames: int, **more: Any) -> None:
    sink = recording(path, **more)
    for index in range(frames):
        sink.send(numbered(index))
    sink.finish()
    sink.close()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def in_order(folder: Path) -> list[Path]:
    """The files by the dates in their names; these are a second apart."""
    return sorted(folder.iterdir(), key=lambda path: path.name)


def ticking(start: float = NOON) -> Callable[[], float]:
    """A clock that is a second later at every look."""
    ticks = count(start)
    return lambda: next(ticks)


# -- one file ---------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_frame_is_in_the_file_from_time_0_on(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"out.{ending}"
    record(path, 60)
    frames = seen(path)
    assert numbers(frames) == expected(60)
    assert [frame.time for frame in frames] == pytest.approx([k / RATE for k in range(60)])
    assert [k for k, frame in enumerate(frames) if frame.key] == [0, 50]
    assert names(tmp_path) == [path.name]


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_slow_stream_has_keyframes_as_often_and_keeps_its_times(
    ending: str, tmp_path: Path
) -> None:
    path = tmp_path / f"out.{ending}"
    sink = recording(path)
    for index in range(12):
        sink.send(numbered(index, pts=FIRST_PTS + 54_000 * index))
    sink.finish()
    sink.close()
    frames = seen(path)
    assert [frame.time for frame in frames] == pytest.approx([0.6 * k for k in range(12)])
    assert [k for k, frame in enumerate(frames) if frame.key] == [0, 4, 8]


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_can_be_played_while_it_is_written(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"out.{ending}"
    sink = recording(path)
    for index in range(50):
        sink.send(numbered(index))
    shown = numbers(seen(path))
    assert len(shown) >= 50 - RATE
    assert shown == expected(len(shown))
    sink.close()
    assert numbers(seen(path)) == expected(50), "closing without finishing loses nothing either"


def test_a_file_without_a_frame_does_not_stay(tmp_path: Path) -> None:
    sink = recording(tmp_path / "out.mkv")
    assert names(tmp_path) == ["out.mkv"]
    with pytest.raises(SinkError, match="no frame"):
        sink.finish()
    sink.close()
    assert names(tmp_path) == []


def test_a_name_that_is_taken_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "out.mkv").write_bytes(b"precious")
    (tmp_path / "out-2.mkv").symlink_to(tmp_path / "nowhere")
    record(tmp_path / "out.mkv", 3)
    record(tmp_path / "out.mkv", 4)
    assert names(tmp_path) == ["out-2.mkv", "out-3.mkv", "out-4.mkv", "out.mkv"]
    assert (tmp_path / "out.mkv").read_bytes() == b"precious"
    assert [len(seen(tmp_path / f"out-{number}.mkv")) for number in (3, 4)] == [3, 4]


def test_two_recordings_at_once_do_not_share_a_file(tmp_path: Path) -> None:
    sinks = [recording(tmp_path / "out.mkv") for _ in range(2)]
    for index in range(6):
        sinks[index % 2].send(numbered(index))
    for sink in sinks:
        sink.finish()
        sink.close()
    assert numbers(seen(tmp_path / "out.mkv")) == [0, 2, 4]
    assert numbers(seen(tmp_path / "out-2.mkv")) == [1, 3, 5]


@pytest.mark.parametrize(
    ("name", "more", "error", "told"),
    [
        ("out.avi", {}, SinkError, ".mkv"),
        ("out", {}, SinkError, "container"),
        ("nowhere/out.mkv", {}, SinkError, "does not exist"),
        ("out-%A.mkv", {}, ConfigError, "%A"),
        ("out-%.mkv", {}, ConfigError, "%%"),
        ("out-%H.mkv", {"segment": 0.5}, ConfigError, "too short"),
        ("out.mkv", {"keep": 60.0}, ConfigError, "no full date"),
        ("100%%.mkv", {"keep": 60.0}, ConfigError, "no full date"),
        ("cam-%H%M%S.mkv", {"keep": 60.0}, ConfigError, "no full date"),
        ("cam-%Y.mkv", {"keep": 60.0}, ConfigError, "no full date"),
    ],
)
def test_what_cannot_work_is_said_at_once(
    name: str, more: dict[str, Any], error: type[Exception], told: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=told):
        recording(tmp_path / name, **more)
    assert names(tmp_path) == []


def test_a_folder_that_cannot_be_written_to_is_named() -> None:
    with pytest.raises(SinkError, match="/proc"):
        recording(Path("/proc/out.mkv"))


def test_an_encoder_that_does_not_work_leaves_nothing(tmp_path: Path) -> None:
    settings = Settings.model_validate({"output": {"encoder": "nonsense"}})
    with pytest.raises(SinkError, match="nonsense"):
        RecordingSink(tmp_path / "out.mkv", INFO, settings)
    assert names(tmp_path) == []


# -- segments ---------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ENDINGS)
def test_segments_follow_each_other_without_a_frame_lost(ending: str, tmp_path: Path) -> None:
    record(tmp_path / f"cam-%H%M%S.{ending}", 90, segment=1.0, clock=ticking())
    segments = [seen(path) for path in in_order(tmp_path)]
    assert [len(frames) for frames in segments] == [25, 25, 25, 15]
    assert [n for frames in segments for n in numbers(frames)] == expected(90)
    for frames in segments:
        assert frames[0].key
        assert [f.time for f in frames] == pytest.approx([k / RATE for k in range(len(frames))])


def test_what_an_encoder_holds_back_is_in_its_segment_too(tmp_path: Path) -> None:
    settings = Settings.model_validate({"output": {"encoder": "libsvtav1"}})
    sink = RecordingSink(tmp_path / "cam-%S.mkv", INFO, settings, segment=1.0, clock=ticking())
    for index in range(40):
        sink.send(numbered(index))
    sink.finish()
    sink.close()
    assert [n for path in in_order(tmp_path) for n in numbers(seen(path))] == expected(40)


def test_segments_are_named_by_the_time_they_begin_at(tmp_path: Path) -> None:
    clock = iter([NOON, NOON + 1, NOON + 61, NOON + 61])
    record(tmp_path / "%%cam-%Y%m%d-%H%M.mkv", 100, segment=1.0, clock=lambda: next(clock))
    stems = [time.strftime("%%cam-%Y%m%d-%H%M", time.localtime(NOON + k)) for k in (0, 61)]
    assert names(tmp_path) == sorted(f"{s}{more}.mkv" for s in stems for more in ("", "-2"))


def test_segments_keep_their_places_after_a_gap(tmp_path: Path) -> None:
    sink = recording(tmp_path / "cam-%S.mkv", segment=1.0, clock=ticking())
    moments = [0.0, 0.5, 1.2, 1.9, 7.5, 7.9, 8.1]
    for index, moment in enumerate(moments):
        sink.send(numbered(index, pts=FIRST_PTS + round(90_000 * moment)))
    sink.finish()
    sink.close()
    assert [numbers(seen(p)) for p in in_order(tmp_path)] == [[0, 1], [2, 3], [4, 5], [6]]


# -- old segments -----------------------------------------------------------------------------


OLD_AND_OURS = ["cam-20240101-000000.mkv", "cam-20240101-000000-2.mkv", "cam-99999999-999999.mkv"]
OTHERS = [
    "cam-2024-01-01.mkv", "cam-20240101-000000.mp4", "cam-20240101-000000.mkv.bak",
    "cam-20240101-000000-02.mkv", "cam-20240101-000000-x.mkv", "my-cam-20240101-000000.mkv",
    "cam-20240101-0000000.mkv", "cam-20240101-000000Xmkv", "CAM-20240101-000000.mkv",
    "cam-20240101-000000.mkv\n", "cam-\u0662\u0660240101-000000.mkv",
]  # fmt: skip


def test_only_old_files_of_the_pattern_are_deleted(tmp_path: Path) -> None:
    now = time.time()
    young = "cam-20240101-000001.mkv"
    for name in [*OLD_AND_OURS, *OTHERS, young]:
        (tmp_path / name).write_bytes(b"video")
        age = 50 if name == young else 70
        os.utime(tmp_path / name, (now - age, now - age))
    (tmp_path / "cam-20240101-000002.mkv").mkdir()
    (tmp_path / "cam-20240101-000003.mkv").symlink_to(tmp_path / young)
    os.utime(tmp_path / "cam-20240101-000002.mkv", (0, 0))
    os.utime(tmp_path / "cam-20240101-000003.mkv", (0, 0), follow_symlinks=False)
    before = set(names(tmp_path))
    record(tmp_path / "cam-%Y%m%d-%H%M%S.mkv", 1, keep=60.0, clock=lambda: now)
    assert before - set(names(tmp_path)) == set(OLD_AND_OURS)


def test_segments_are_deleted_while_the_run_goes_on(tmp_path: Path) -> None:
    clock = ticking(time.time())
    sink = recording(tmp_path / "cam-%Y%m%d-%H%M%S.mkv", segment=1.0, keep=60.0, clock=clock)
    for index in range(2 * RATE):
        sink.send(numbered(index))
    first, second = in_order(tmp_path)
    os.utime(first, (time.time() - 61, time.time() - 61))
    sink.send(numbered(2 * RATE))
    assert not first.exists()
    assert second.exists()
    sink.finish()
    sink.close()
    assert len(names(tmp_path)) == 2


def test_nothing_is_deleted_unless_asked(tmp_path: Path) -> None:
    (tmp_path / OLD_AND_OURS[0]).write_bytes(b"video")
    os.utime(tmp_path / OLD_AND_OURS[0], (0, 0))
    record(tmp_path / "cam-%Y%m%d-%H%M%S.mkv", 60, segment=1.0)
    assert OLD_AND_OURS[0] in names(tmp_path)


def test_a_folder_whose_files_cannot_be_deleted_does_not_stop_the_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> Iterator[Path]:
        raise PermissionError(13, "Permission denied", "/secret")

    monkeypatch.setattr(Names, "older", refuse)
    record(tmp_path / "cam-%Y%m%d%S.mkv", 3, keep=60.0)
    assert "cannot be deleted: Permission denied" in caplog.text
    assert len(seen(next(tmp_path.iterdir()))) == 3
