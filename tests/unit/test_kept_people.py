"""Keeping people of a tracks file clear: only where it is surely them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from stream_anon.config import Redaction
from stream_anon.core.clear import Clear
from stream_anon.core.frame import Frame
from stream_anon.core.parts import Box
from stream_anon.core.redacted import Unknown
from stream_anon.errors import ConfigError
from stream_anon.masking.keeping import GUARD
from stream_anon.masking.kept_people import KeepingMasker
from stream_anon.masking.tracks_file import TracksFile, load_tracks
from stream_anon.redaction.redactor import Redactor
from tests.dressed import (
    BLUE,
    COUNT,
    GREEN,
    INFO,
    RED,
    SIZE,
    Person,
    Place,
    scene,
    track,
    tracks_file,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


def hidden(
    file: TracksFile, frames: Sequence[Frame], **clear: tuple[int, ...]
) -> tuple[dict[int, set[int]], list[str]]:
    """Who is hidden in each frame, and what there is to review."""
    masker = KeepingMasker(file, Clear(**clear), INFO)
    masks = list(masker.masks(frames))
    assert [masked.frame.index for masked in masks] == [frame.index for frame in frames]
    found = {
        masked.frame.index: {part.person for part in masked.parts}
        for masked in masks
        if not isinstance(masked.parts, Unknown)
    }
    return found, masker.notes


def left(_index: int) -> Place:
    return 30, 30


def right(_index: int) -> Place:
    return 240, 30


def rightward(index: int) -> Place:
    """From the left side to the right one, through the middle in frame 30."""
    return 30 + 4 * index, 30


def leftward(index: int) -> Place:
    return 270 - 4 * index, 34


CROSSED = range(26, 35)
"""Frames in which those two overlap by far."""


class TestWhoIsClear:
    FILE = tracks_file(track(0, left), track(3, right))
    FRAMES = scene(Person(RED, left), Person(BLUE, right), count=12)

    def test_keep_leaves_one_clear_and_hides_everybody_else(self) -> None:
        found, notes = hidden(self.FILE, self.FRAMES, keep=(3,))
        assert found == {n: {0} for n in range(12)}
        assert notes == []

    def test_only_hides_one_and_nobody_else(self) -> None:
        found, notes = hidden(self.FILE, self.FRAMES, only=(3,))
        assert found == {n: {3} for n in range(12)}
        assert notes == []

    def test_what_belongs_to_nobody_stays_hidden(self) -> None:
        file = tracks_file(track(0, left), track(-1, right, label="zone:door", shape="box"))
        for clear in ({"keep": (0,)}, {"only": (0,)}):
            found, _ = hidden(file, self.FRAMES, **clear)
            assert all(-1 in people for people in found.values())

    def test_everybody_who_is_joined_goes_together(self) -> None:
        early, late = (lambda n: left(n) if n < 5 else None), (lambda n: left(n) if n > 6 else None)
        join = {"tracks": [2, 7], "likeness": 0.9}
        file = tracks_file(track(2, early), track(7, late), track(3, right), joined=[join])
        for number in (2, 7):
            found, _ = hidden(file, self.FRAMES, keep=(number,))
            assert found == {n: {3} for n in range(12)}
        revoked, _ = hidden(file.model_copy(update={"joined": []}), self.FRAMES, keep=(2,))
        assert revoked[3] == {3}
        assert revoked[8] == {3, 7}

    def test_a_track_that_is_clear_in_the_file_stays_so_unless_it_is_to_be_hidden(self) -> None:
        file = tracks_file(track(0, left), track(3, right, hide=False))
        assert hidden(file, self.FRAMES, keep=(0,))[0][5] == set()
        assert hidden(file, self.FRAMES, only=(3,))[0][5] == {3}

    def test_frames_that_the_file_does_not_cover_are_hidden_whole(self) -> None:
        file = self.FILE.model_copy(update={"frames": 4, "hidden_whole": {1: "damaged input"}})
        found, _ = hidden(file, self.FRAMES, keep=(0,))
        assert sorted(found) == [0, 2, 3]

    @pytest.mark.parametrize("clear", [{"keep": (9,)}, {"only": (0, 9)}])
    def test_a_number_that_nobody_has_is_refused(self, clear: dict[str, tuple[int, ...]]) -> None:
        with pytest.raises(ConfigError, match=r"nobody with the number 9: it has 0, 3$"):
            KeepingMasker(self.FILE, Clear(**clear), INFO)

    def test_joining_what_is_not_there_is_refused(self) -> None:
        file = tracks_file(track(0, left), joined=[{"tracks": [0, 4]}])
        with pytest.raises(ConfigError, match="joined names 4, which is none of its tracks"):
            KeepingMasker(file, Clear(keep=(0,)), INFO)

    def test_a_bad_join_is_no_tracks_file(self, tmp_path: Path) -> None:
        path = tmp_path / "t.json"
        text = self.FILE.model_dump_json()
        path.write_text(text.replace('"joined":[]', '"joined":[{"tracks":[0]}]'))
        with pytest.raises(ConfigError, match="is not a tracks file"):
            load_tracks(path)


class TestOverlaps:
    def test_a_kept_person_is_hidden_where_somebody_hidden_overlaps_them(self) -> None:
        """Too little for one to be taken for the other; the hidden mask is whole all the same."""

        def beside(_index: int) -> Place:
            return 30 + 1.3 * SIZE, 30

        file = tracks_file(track(0, left), track(1, beside))
        frames = scene(Person(RED, left), Person(BLUE, beside), count=4)
        masker = KeepingMasker(file, Clear(keep=(0,)), INFO)
        redactor = Redactor(Redaction(method="fill", color="#000000"), INFO.color)
        for masked in masker.masks(frames):
            assert isinstance(masked.parts, tuple)
            (part,) = masked.parts
            assert (part.person, part.box) == (1, Box(74, 22, 56, 56))
            luma = redactor.redact(masked).planes[0]
            assert luma[50, 102] < 20
            assert luma[50, 45] == 150

    def test_crossing_somebody_hides_both_until_the_colours_are_back(self) -> None:
        file = tracks_file(track(0, rightward), track(1, leftward))
        frames = scene(Person(RED, rightward), Person(BLUE, leftward))
        found, notes = hidden(file, frames, keep=(0,))
        assert all(found[n] == {0, 1} for n in CROSSED)
        assert all(found[n] == {1} for n in range(15))
        assert all(found[n] == {1} for n in range(45, COUNT)), "sure again"
        assert len(notes) == 1
        assert notes[0].startswith("review: person 0 is hidden in frames ")
        assert "it may be 1, whom it meets" in notes[0]

    def test_a_track_that_goes_on_with_somebody_else_stays_hidden(self) -> None:
        """The two turn back in the middle, and the tracks do not."""

        def turned(there: Callable[[int], Place]) -> Callable[[int], Place]:
            return lambda n: there(min(n, 60 - n))

        file = tracks_file(track(0, rightward), track(1, leftward))
        frames = scene(Person(RED, turned(rightward)), Person(BLUE, turned(leftward)))
        found, notes = hidden(file, frames, keep=(0,))
        assert all(0 in found[n] for n in range(26, COUNT))
        assert any(f"to {COUNT - 1} " in note for note in notes)

    def test_a_crossing_that_cannot_be_read_counts(self) -> None:
        """They turn back in frames that are damaged, and the tracks do not."""

        def turned(there: Callable[[int], Place]) -> Callable[[int], Place]:
            return lambda n: there(min(n, 60 - n))

        file = tracks_file(track(0, rightward), track(1, leftward))
        frames = [
            replace(frame, corrupt=frame.index in range(21, 40))
            for frame in scene(Person(RED, turned(rightward)), Person(BLUE, turned(leftward)))
        ]
        found, notes = hidden(file, frames, keep=(0,))
        assert all(0 in found[n] for n in range(40, COUNT))
        assert any("whom it meets" in note for note in notes)

    def test_after_damage_a_kept_person_is_clear_once_they_are_recognised(self) -> None:
        file = tracks_file(track(0, left), track(1, right))
        frames = [
            replace(frame, corrupt=frame.index in range(21, 30))
            for frame in scene(Person(RED, left), Person(BLUE, right))
        ]
        found, _ = hidden(file, frames, keep=(0,))
        assert 0 not in found[20]
        assert 0 in found[30]
        assert 0 not in found[COUNT - 1]

    def test_two_of_the_same_colours_cannot_be_told_apart(self) -> None:
        file = tracks_file(track(0, rightward), track(1, leftward))
        frames = scene(Person(RED, rightward), Person(RED, leftward))
        found, _ = hidden(file, frames, keep=(0,))
        assert all(0 in found[n] for n in range(26, COUNT))

    def test_frames_around_a_crossing_belong_to_it(self) -> None:
        file = tracks_file(track(0, rightward), track(1, leftward))
        masker = KeepingMasker(file, Clear(keep=(0,)), INFO)
        boxes = {n: [part.box for part in masker._masker.parts[n]] for n in range(COUNT)}
        first = next(n for n in range(COUNT) if boxes[n][0].iou(boxes[n][1]) > 0.1)
        found, _ = hidden(file, scene(Person(RED, rightward), Person(BLUE, leftward)), keep=(0,))
        assert 0 in found[first - GUARD]

    def test_what_came_before_the_part_that_is_read_cannot_vouch_for_it(self) -> None:
        file = tracks_file(track(0, rightward), track(1, leftward))
        frames = scene(Person(RED, rightward), Person(BLUE, leftward))[45:]
        found, _ = hidden(file, frames, keep=(0,))
        assert all(0 in people for people in found.values())

    def test_with_only_whoever_meets_that_person_is_hidden_there_too(self) -> None:
        file = tracks_file(track(0, rightward), track(1, leftward), track(2, lambda _n: (150, 120)))
        frames = scene(Person(RED, rightward), Person(BLUE, leftward))
        found, _ = hidden(file, frames, only=(1,))
        assert all(found[n] >= {0, 1} for n in CROSSED)
        assert all(2 not in found[n] for n in range(COUNT))

    def test_kept_people_may_cross_each_other(self) -> None:
        file = tracks_file(track(0, rightward), track(1, leftward))
        frames = scene(Person(RED, rightward), Person(BLUE, leftward))
        found, notes = hidden(file, frames, keep=(0, 1))
        assert found == {n: set() for n in range(COUNT)}
        assert notes == []


class TestDoubt:
    def test_a_track_whose_colours_change_is_hidden(self) -> None:
        """Somebody else stands there from frame 30 on, whom no track ever met."""
        file = tracks_file(track(0, left))
        frames = scene(
            Person(RED, lambda n: left(n) if n < 30 else None),
            Person(BLUE, lambda n: left(n) if n >= 30 else None, luma=60),
        )
        found, notes = hidden(file, frames, keep=(0,))
        assert all(found[n] == set() for n in range(30))
        assert all(found[n] == {0} for n in range(36, COUNT))
        assert "looks like somebody else" in notes[0]

    def test_two_places_of_one_person_may_be_two_people(self) -> None:
        boxes = track(0, left)["boxes"]
        second = [(n, 150, 30, 56, 56) for n in (20, 21)]
        file = tracks_file({"id": 0, "label": "face", "boxes": [*boxes, *second]})
        found, notes = hidden(file, scene(Person(RED, left)), keep=(0,))
        assert {n for n, people in found.items() if people} >= {20, 21}
        assert found[10] == set()
        assert found[40] == set()
        assert "two places at once" in notes[0]

    def test_two_guesses_at_one_place_are_one_person(self) -> None:
        boxes = track(0, left)["boxes"]
        second = [(n, x + 6, y + 5, w, h) for n, x, y, w, h in boxes if 20 <= n < 25]
        file = tracks_file({"id": 0, "label": "face", "boxes": [*boxes, *second]})
        found, notes = hidden(file, scene(Person(RED, left)), keep=(0,))
        assert not any(found.values())
        assert notes == []

    def test_a_steady_person_is_clear_in_every_frame(self) -> None:
        file = tracks_file(track(0, rightward))
        found, notes = hidden(file, scene(Person(GREEN, rightward)), keep=(0,))
        assert found == {n: set() for n in range(COUNT)}
        assert notes == []

    def test_many_ranges_are_not_all_listed(self) -> None:
        boxes = list(track(0, left)["boxes"])
        twice = [(n, 150, 30, 56, 56) for n in range(0, 300, 8)]
        boxes = [(n, *boxes[0][1:]) for n in range(300)]
        file = tracks_file({"id": 0, "label": "face", "boxes": [*boxes, *twice]}, frames=300)
        _, notes = hidden(file, scene(Person(RED, left), count=300), keep=(0,))
        assert len(notes) == 21
        assert "more such ranges" in notes[-1]
