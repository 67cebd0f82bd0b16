"""What an audit tells of tags, sound and other streams in a redacted file; and of tracks files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from stream_anon.audit.given import with_tracks
from stream_anon.audit.leftovers import leftovers
from stream_anon.audit.people import Person, Roster, State, runs
from stream_anon.errors import SourceError
from stream_anon.masking.tracks_file import TracksFile

if TYPE_CHECKING:
    from pathlib import Path


def write(path: Path, *, tags: dict[str, str] | None = None, sound: int | None = None) -> Path:
    """A small video, perhaps with tags and with noise as its sound."""
    with av.open(str(path), "w") as container:
        container.metadata.update(tags or {})
        video = container.add_stream("mpeg4", rate=10)
        assert isinstance(video, av.VideoStream)
        video.width, video.height, video.pix_fmt = 32, 32, "yuv420p"
        audio = container.add_stream("aac", rate=48000, layout="mono") if sound else None
        for _ in range(5):
            picture = np.full((48, 32), 100, np.uint8)
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="yuv420p")))
        container.mux(video.encode(None))
        if audio is not None:
            noise = np.random.default_rng(sound).normal(0, 0.2, (1, 24000)).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(noise, format="fltp", layout="mono")
            frame.sample_rate = 48000
            container.mux(audio.encode(frame))
            container.mux(audio.encode(None))
    return path


@pytest.mark.parametrize("extension", ["mp4", "mkv", "mov", "ts"])
def test_a_plain_file_has_nothing_to_tell(tmp_path: Path, extension: str) -> None:
    path = write(tmp_path / f"plain.{extension}")
    found = leftovers(path, path)
    assert (found.tags, found.streams) == ([], [])


@pytest.mark.parametrize("extension", ["mp4", "mkv"])
def test_tags_are_named_and_their_values_are_not(tmp_path: Path, extension: str) -> None:
    tags = {"title": "Jane Doe", "comment": "52.1 N", "creation_time": "2024-01-01T00:00:00Z"}
    path = write(tmp_path / f"tagged.{extension}", tags=tags)
    found = leftovers(path, path)
    names = " ".join(found.tags).lower()
    assert "title" in names
    assert "comment" in names
    assert "creation_time" in names
    assert "jane" not in names


def test_sound_that_was_copied_is_told_from_another(tmp_path: Path) -> None:
    original = write(tmp_path / "original.mp4", sound=1)
    copied, other = write(tmp_path / "a.mp4", sound=1), write(tmp_path / "b.mp4", sound=2)
    assert len(leftovers(copied, original).streams) == 2
    assert leftovers(other, original).streams == ["sound (aac)"]


def test_what_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video" * 100)
    with pytest.raises(SourceError, match="cannot be read"):
        leftovers(broken, broken)


# -- people -----------------------------------------------------------------------------------


def person(frames: range, x: float = 10.0) -> Person:
    boxes = np.array([(x, 10, 20, 20)] * len(frames), np.float32)
    return Person(np.array(frames, np.int32), boxes)


def tracks(*entries: dict[str, Any]) -> TracksFile:
    whole = {"width": 100, "height": 100, "frames": 50, "tracks": list(entries)}
    return TracksFile.model_validate(whole)


def entry(frames: range, *, x: float = 8.0, hide: bool = True, label: str = "face") -> Any:
    boxes = [(index, x, 8.0, 24.0, 24.0) for index in frames]
    return {"id": 7, "label": label, "hide": hide, "boxes": boxes}


def test_somebody_in_a_track_gets_its_name() -> None:
    (found,) = with_tracks([person(range(20))], tracks(entry(range(20))), 50)
    assert (found.name, found.kept) == ("track 7", False)


def test_a_track_that_is_not_hidden_is_left_clear_on_purpose() -> None:
    (found,) = with_tracks([person(range(20))], tracks(entry(range(20), hide=False)), 50)
    assert found.kept


def test_somebody_elsewhere_is_not_left_clear() -> None:
    given = tracks(entry(range(20), x=60, hide=False))
    (found,) = with_tracks([person(range(20))], given, 50)
    assert not found.kept


def test_somebody_who_is_in_the_track_for_a_short_time_is_not_left_clear() -> None:
    (found,) = with_tracks([person(range(20))], tracks(entry(range(5), hide=False)), 50)
    assert not found.kept


def test_places_that_only_the_track_knows_are_judged_too() -> None:
    found = with_tracks([person(range(5, 10))], tracks(entry(range(20))), 15)
    assert len(found) == 2
    assert found[1].frames.tolist() == [*range(5), *range(10, 15)]
    nothing_more = with_tracks([], tracks(entry(range(20), label="person")), 15)
    assert nothing_more == []


def test_the_roster_knows_who_is_there() -> None:
    first, second = person(range(3, 8)), person(range(5, 20, 2))
    roster = Roster([second, first])
    there = {
        index: [(place.person is first, place.at) for place in roster.at(index)]
        for index in range(25)
    }
    assert there[2] == there[8] == there[20] == []
    assert there[3] == [(True, 0)]
    assert sorted(there[5]) == [(False, 0), (True, 2)]
    assert there[6] == [(True, 3)]
    assert there[19] == [(False, 7)]


def test_runs_of_frames() -> None:
    assert list(runs(np.array([], np.int32))) == []
    assert list(runs(np.array([1, 2, 3, 7, 9, 10], np.int32))) == [(1, 3), (7, 7), (9, 10)]
    somebody = person(range(5))
    somebody.state[[0, 1, 4]] = State.EXPOSED
    assert list(somebody.exposures()) == [(0, 1), (4, 4)]
