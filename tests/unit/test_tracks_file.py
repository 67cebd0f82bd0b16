"""Tracks as a file: what was hidden comes back the same, and people can edit it."""

from __future__ import annotations

import json
import tracemalloc
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from stream_anon.core.frame import Frame
from stream_anon.core.parts import Box, Part
from stream_anon.core.redacted import MaskedFrame, Unknown
from stream_anon.detectors.shapes import ellipse
from stream_anon.errors import ConfigError
from stream_anon.masking import tracks_recorder
from stream_anon.masking.tracks_file import TracksFile, load_tracks
from stream_anon.masking.tracks_masker import TracksMasker
from stream_anon.masking.tracks_recorder import TracksRecorder
from tests.stubs import face, make_frame, make_info

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

INFO = make_info(128, 96)
HASH = "ab" * 32


def masked_frames() -> list[MaskedFrame]:
    """Two people, one with two parts; nobody in frame 2; frame 3 is damaged."""
    parts: list[tuple[Part, ...] | Unknown] = [
        (face(Box(10.5, 20.3, 30, 40)), face(Box(15, 25, 20, 8), label="eyes")),
        (face(Box(12.5, 20.3, 30, 40)), face(Box(-8, 60, 25.4, 31), person=4)),
        (),
        Unknown.CORRUPT,
        (face(Box(60, 60, 25, 31), person=4),),
    ]
    return [
        MaskedFrame(make_frame(index=index, corrupt=isinstance(what, Unknown)), what)
        for index, what in enumerate(parts)
    ]


def record(masks: Sequence[MaskedFrame]) -> TracksFile:
    return TracksFile.model_validate_json(text_of(masks))


def text_of(masks: Sequence[MaskedFrame]) -> str:
    with TemporaryDirectory() as folder, closing(TracksRecorder(Path(folder))) as recorder:
        for masked in masks:
            recorder.count(masked)
        return "".join(recorder.text(INFO, HASH))


def saved(folder: Path, file: TracksFile, **changes: Any) -> Path:
    path = folder / "tracks.json"
    path.write_text(json.dumps({**file.model_dump(mode="json", exclude_none=True), **changes}))
    return path


def described(parts: Sequence[Part] | Unknown) -> object:
    if isinstance(parts, Unknown):
        return parts
    return sorted((p.person, p.label, p.box, p.mask.tobytes()) for p in parts)


def frames_of(masks: Sequence[MaskedFrame]) -> list[Frame]:
    return [masked.frame for masked in masks]


class TestRoundTrip:
    def test_every_region_comes_back_as_it_was(self, tmp_path: Path) -> None:
        masks = masked_frames()
        loaded = load_tracks(saved(tmp_path, record(masks)))
        again = list(TracksMasker(loaded, INFO).masks(frames_of(masks)))
        assert [masked.frame for masked in again] == frames_of(masks)
        assert [described(m.parts) for m in again] == [described(m.parts) for m in masks]

    def test_what_a_mask_has_grown_by_is_in_its_box(self, tmp_path: Path) -> None:
        hook = np.zeros((20, 10), np.uint8)
        hook[:, :3] = 255
        part = Part("left-arm", Box(40, 30, 20, 40), hook, 0.9, 2, spread=6.5)
        masks = [MaskedFrame(make_frame(), (part,))]
        (again,) = TracksMasker(load_tracks(saved(tmp_path, record(masks))), INFO).masks(
            frames_of(masks)
        )
        assert isinstance(again.parts, tuple)
        assert again.parts[0].box == Box(33.5, 23.5, 33, 53)
        assert again.parts[0].mask.min() == 255, "a box hides more than the shape in it"

    def test_a_second_trip_changes_nothing(self, tmp_path: Path) -> None:
        first = record(masked_frames())
        loaded = load_tracks(saved(tmp_path, first))
        masks = list(TracksMasker(loaded, INFO).masks(frames_of(masked_frames())))
        assert record(masks) == first == loaded

    def test_the_file_is_readable_and_holds_no_pictures(self, tmp_path: Path) -> None:
        content = json.loads(saved(tmp_path, record(masked_frames())).read_text())
        assert content["stream_anon_tracks"] == 1
        assert content["input_sha256"] == HASH
        assert (content["width"], content["height"], content["frames"]) == (128, 96, 5)
        assert content["hidden_whole"] == {"3": Unknown.CORRUPT.value}
        assert {track["label"] for track in content["tracks"]} == {"face", "eyes"}
        eyes = next(track for track in content["tracks"] if track["label"] == "eyes")
        assert eyes == {
            "id": 0,
            "label": "eyes",
            "shape": "ellipse",
            "hide": True,
            "boxes": [[0, 15.0, 25.0, 20.0, 8.0]],
        }

    def test_boxes_are_rounded_by_less_than_a_tenth_of_a_pixel(self, tmp_path: Path) -> None:
        box = Box(10.123, 20.987, 30.456, 40.04)
        masks = [MaskedFrame(make_frame(), (face(box),))]
        loaded = load_tracks(saved(tmp_path, record(masks)))
        (again,) = TracksMasker(loaded, INFO).masks(frames_of(masks))
        assert isinstance(again.parts, tuple)
        np.testing.assert_allclose(again.parts[0].box, box, atol=0.051)

    def test_very_small_parts_survive(self, tmp_path: Path) -> None:
        masks = [MaskedFrame(make_frame(), (face(Box(5, 5, 0.04, 0.04)),))]
        loaded = load_tracks(saved(tmp_path, record(masks)))
        (again,) = TracksMasker(loaded, INFO).masks(frames_of(masks))
        assert isinstance(again.parts, tuple)
        assert len(again.parts) == 1

    def test_a_mask_of_any_other_form_becomes_its_box_and_hides_more_not_less(self) -> None:
        odd = np.zeros((10, 10), np.uint8)
        odd[3:5, 2:9] = 255
        part = Part("face", Box(10, 10, 40, 40), odd, 0.9, 0)
        file = record([MaskedFrame(make_frame(), (part,))])
        assert [track.shape for track in file.tracks] == ["box"]
        (again,) = TracksMasker(file, INFO).masks([make_frame()])
        assert isinstance(again.parts, tuple)
        assert (again.parts[0].mask == 255).all()
        assert again.parts[0].box == part.box

    def test_an_ellipse_stays_an_ellipse(self) -> None:
        (again,) = TracksMasker(record(masked_frames()[:1]), INFO).masks([make_frame()])
        assert isinstance(again.parts, tuple)
        assert all(part.mask is ellipse() for part in again.parts)


class TestEdits:
    def test_hide_false_leaves_that_person_clear_and_no_other(self, tmp_path: Path) -> None:
        content = record(masked_frames()).model_dump(mode="json")
        for track in content["tracks"]:
            track["hide"] = track["id"] != 4
        path = tmp_path / "edited.json"
        path.write_text(json.dumps(content))
        masks = list(TracksMasker(load_tracks(path), INFO).masks(frames_of(masked_frames())))
        people = [{p.person for p in m.parts} for m in masks if isinstance(m.parts, tuple)]
        assert people == [{0}, {0}, set(), set()]

    def test_an_added_box_is_hidden(self, tmp_path: Path) -> None:
        content = record(masked_frames()).model_dump(mode="json")
        content["tracks"].append(
            {"id": 9, "label": "number plate", "shape": "box", "boxes": [[2, 1, 2, 30, 40]]}
        )
        path = tmp_path / "edited.json"
        path.write_text(json.dumps(content))
        masks = list(TracksMasker(load_tracks(path), INFO).masks(frames_of(masked_frames())))
        assert isinstance(masks[2].parts, tuple)
        assert [part.box for part in masks[2].parts] == [Box(1, 2, 30, 40)]


class TestFailingClosed:
    def test_frames_beyond_the_file_are_hidden_whole(self) -> None:
        frames = [make_frame(index=index) for index in range(9)]
        masks = list(TracksMasker(record(masked_frames()), INFO).masks(frames))
        assert [m.parts is Unknown.NOT_IN_TRACKS for m in masks[5:]] == [True] * 4

    def test_frames_hidden_whole_before_stay_hidden_even_if_they_decode_now(self) -> None:
        frames = [make_frame(index=index) for index in range(5)]
        masks = list(TracksMasker(record(masked_frames()), INFO).masks(frames))
        assert masks[3].parts is Unknown.NOT_IN_TRACKS

    def test_damaged_frames_are_hidden_whole_whatever_the_file_says(self) -> None:
        frames = [make_frame(index=0, corrupt=True)]
        (masked,) = TracksMasker(record(masked_frames()), INFO).masks(frames)
        assert masked.parts is Unknown.CORRUPT

    @pytest.mark.parametrize("size", [(96, 128), (129, 96), (128, 95)])
    def test_a_video_of_another_size_is_refused(self, size: tuple[int, int]) -> None:
        with pytest.raises(ConfigError, match=f"128x96.*{size[0]}x{size[1]}"):
            TracksMasker(record(masked_frames()), make_info(*size))

    @pytest.mark.parametrize("box", [[0, 1, 2, 0, 5], [0, 1, 2, 5, -1], [0, float("nan"), 2, 5, 5]])
    def test_boxes_that_are_none_are_refused_before_the_first_frame(
        self, tmp_path: Path, box: list[float]
    ) -> None:
        track = {"id": 1, "label": "face", "boxes": [box]}
        with pytest.raises(ConfigError):
            TracksMasker(load_tracks(saved(tmp_path, record([]), tracks=[track])), INFO)


class TestWaitingOnDisk:
    def crowd(self, frames: int, people: int) -> Iterator[MaskedFrame]:
        """Many people in many frames, and some frames that are hidden whole."""
        parts = tuple(face(Box(n, n / 3, 20, 30), person=n) for n in range(people))
        for index in range(frames):
            hidden = 3 <= index % 10 < 6
            frame = make_frame(index=index, corrupt=hidden)
            yield MaskedFrame(frame, Unknown.CORRUPT if hidden else parts)

    def test_it_is_the_same_file_however_much_waits_in_memory(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        masks = list(self.crowd(40, 7))
        texts = []
        for size in (1, 1000, 1 << 20):
            monkeypatch.setattr(tracks_recorder, "_IN_MEMORY", size)
            texts.append(text_of(masks))
        assert texts[0] == texts[1] == texts[2]
        file = TracksFile.model_validate_json(texts[0])
        assert len(file.tracks) == 7
        assert all(len(track.boxes) == 28 for track in file.tracks)
        assert set(file.hidden_whole) == {n for n in range(40) if 3 <= n % 10 < 6}

    def test_boxes_do_not_pile_up_in_memory(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tracks_recorder, "_IN_MEMORY", 100_000)
        tracemalloc.start()
        try:
            with closing(TracksRecorder(tmp_path)) as recorder:
                for masked in self.crowd(500, 100):
                    recorder.count(masked)
                assert list(tmp_path.iterdir()) == []
                size = sum(map(len, recorder.text(INFO, HASH)))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert size > 800_000
        assert peak < 600_000
