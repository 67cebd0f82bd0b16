"""Records of masks: rendering from one is the direct run bit for bit; damage shows nobody."""

from __future__ import annotations

import io
import json
import tracemalloc
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from stream_anon.core.parts import INSIDE, Box, Part
from stream_anon.core.redacted import MaskedFrame, Unknown
from stream_anon.detectors.shapes import ellipse
from stream_anon.errors import ConfigError
from stream_anon.masking import masks_file
from stream_anon.masking.masks_file import MasksReader
from stream_anon.masking.masks_format import Header, mask_of, run_lengths
from stream_anon.masking.masks_masker import MasksMasker
from stream_anon.masking.tracks_file import TracksFile
from stream_anon.masking.tracks_recorder import tracks_of
from tests.bodies import masks_with
from tests.masks import HASH, HEADER, read_back, recorded, redrawn, short_run, written
from tests.people import PeopleParser, Shape, scene
from tests.stubs import face, make_frame, make_info, masks_of, moving, sees

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from stream_anon.core.frame import Frame

pytestmark = pytest.mark.slow

HAIR = Shape("hair", 0, (60, 60, 60, 50), (4, 1))
ARM = Shape("left-arm", 1, (300, 120, 40, 90), (-5, 1), "hook")


def damaged(frames: Sequence[Frame], *indices: int) -> list[Frame]:
    return [replace(f, corrupt=f.index in indices) for f in frames]


def rendered(data: bytes, frames: Sequence[Frame]) -> list[MaskedFrame]:
    info = make_info(frames[0].width, frames[0].height)
    return list(MasksMasker(read_back(data), info).masks(iter(frames)))


class TestRenderingFromARecord:
    def faces(self) -> tuple[list[Frame], list[MaskedFrame]]:
        frames = damaged(moving(30), 11, 12)
        return frames, masks_of(sees(), frames)

    def bodies(self) -> tuple[list[Frame], list[MaskedFrame]]:
        frames = scene([HAIR, ARM], 40)
        return frames, masks_with(PeopleParser([HAIR, ARM]), frames)

    def cuts(self) -> tuple[list[Frame], list[MaskedFrame]]:
        there = Shape("hair", 3, (200, 150, 80, 70), (-3, 0), "hook")
        frames = [*scene([HAIR], 12), *scene([there], 12, start=12)]
        seen = PeopleParser(lambda index: [HAIR] if index < 12 else [there])
        return frames, masks_with(seen, frames)

    @pytest.mark.parametrize("kind", ["faces", "bodies", "cuts"])
    @pytest.mark.parametrize("compress", [False, True])
    @pytest.mark.parametrize("method", ["blur", "pixelate", "fill"])
    def test_it_gives_the_direct_run_bit_for_bit(
        self, kind: str, method: str, compress: bool
    ) -> None:
        frames, masks = getattr(self, kind)()
        header = replace_size(frames[0].width, frames[0].height)
        again = rendered(written(masks, header=header, compress=compress), frames)
        for before, now in zip(masks, again, strict=True):
            assert now.frame is before.frame
            expected, got = redrawn(before, method), redrawn(now, method)
            assert got.hidden_whole is expected.hidden_whole
            assert got.parts_hidden == expected.parts_hidden
            for one, other in zip(expected.planes, got.planes, strict=True):
                np.testing.assert_array_equal(one, other, f"frame {now.frame.index}")

    def test_the_clips_above_have_what_they_are_for(self) -> None:
        _, masks = self.faces()
        assert {m.parts for m in masks if isinstance(m.parts, Unknown)} == {Unknown.CORRUPT}
        for _, masks in (self.bodies(), self.cuts()):
            parts = [p for m in masks if isinstance(m.parts, tuple) for p in m.parts]
            assert any(part.spread > 0 for part in parts)
            assert any(part.mask.min() < INSIDE for part in parts)

    def test_parts_keep_label_track_score_and_order(self) -> None:
        masks = short_run()
        again = rendered(written(masks), [m.frame for m in masks])
        for before, now in zip(masks, again, strict=True):
            if isinstance(before.parts, tuple):
                assert isinstance(now.parts, tuple)
                assert [(p.label, p.person, p.box, p.score) for p in now.parts] == [
                    (p.label, p.person, p.box, p.score) for p in before.parts
                ]
                assert all(part.mask is ellipse() for part in now.parts)


def replace_size(width: int, height: int) -> Header:
    return HEADER.model_copy(update={"width": width, "height": height})


class TestFailingClosed:
    def frames(self, count: int = 6) -> list[Frame]:
        return [make_frame(index=index) for index in range(count)]

    def test_frames_beyond_the_record_are_hidden_whole(self) -> None:
        again = rendered(written(short_run()), self.frames(9))
        assert [m.parts is Unknown.NOT_IN_TRACKS for m in again] == [False] * 6 + [True] * 3

    def test_frames_missing_from_the_record_are_hidden_whole_and_no_others(self) -> None:
        masks = [m for m in short_run() if m.frame.index not in (0, 4)]
        again = rendered(written(masks), self.frames())
        hidden = [m.frame.index for m in again if m.parts is Unknown.NOT_IN_TRACKS]
        assert hidden == [0, 4]

    def test_frames_shown_at_another_time_are_hidden_whole(self) -> None:
        """A decoder that leaves a frame out moves all later ones by one."""
        frames = [make_frame(index=index, pts=index + (index > 3)) for index in range(6)]
        again = rendered(written(short_run()), frames)
        hidden = [m.frame.index for m in again if m.parts is Unknown.NOT_IN_TRACKS]
        assert hidden == [4, 5]

    def test_damaged_frames_are_hidden_whole_whatever_the_record_says(self) -> None:
        (masked,) = rendered(written(short_run()), [make_frame(index=0, corrupt=True)])
        assert masked.parts is Unknown.CORRUPT

    def test_a_reason_that_this_version_does_not_know_hides_the_frame_too(self) -> None:
        data = written(short_run()).replace(b'"CORRUPT"', b'"SUNSTROKE"')
        assert rendered(data, self.frames())[3].parts is Unknown.NOT_IN_TRACKS

    def test_another_size_or_time_base_is_refused(self) -> None:
        reader = read_back(written(short_run()))
        with pytest.raises(ConfigError, match="128x96, but stub is 96x128"):
            MasksMasker(reader, make_info(96, 128))
        with pytest.raises(ConfigError, match="time base of 1/25 s, but stub has one of 1/30 s"):
            MasksMasker(reader, replace(make_info(), time_base=Fraction(1, 30)))

    @pytest.mark.parametrize("compress", [False, True])
    def test_one_that_is_cut_off_anywhere_hides_what_it_lost(self, compress: bool) -> None:
        masks = short_run(12)
        frames = [m.frame for m in masks]
        data = written(masks, compress=compress)
        whole = [describe(m.parts) for m in rendered(data, frames)]
        lost: list[object] = [m.parts if m.frame.corrupt else Unknown.NOT_IN_TRACKS for m in masks]
        kept: list[int] = []
        for length in range(len(data)):
            if (reader := opened(data[:length])) is not None:
                again = [describe(m.parts) for m in MasksMasker(reader, make_info()).masks(frames)]
                kept.append(
                    max(n for n in range(13) if again == [*whole[:n], *lost[n:]]),
                )
        assert kept == sorted(kept), "more of the file never tells less"
        assert kept[0] < 3
        assert kept[-1] == 12

    @pytest.mark.parametrize("compress", [False, True])
    def test_one_whose_run_was_killed_has_no_end(self, compress: bool) -> None:
        reader = read_back(written(short_run(), end=False, compress=compress))
        assert reader.footer is None
        assert len(list(reader.frames())) == 6

    def test_what_comes_after_the_last_frame_of_the_input_is_checked_too(self) -> None:
        data = written(short_run()).replace(b'"frame":5', b'"frame":"5"')
        with pytest.raises(ConfigError, match="line 8"):
            rendered(data, self.frames(2))


def opened(data: bytes) -> MasksReader | None:
    """None where not even the first line is there."""
    with suppress(ConfigError):
        return read_back(data)
    return None


def describe(parts: tuple[Part, ...] | Unknown) -> object:
    if isinstance(parts, Unknown):
        return parts
    return [(p.label, p.person, p.box, p.spread, p.mask.tobytes()) for p in parts]


class TestRunLengths:
    @given(
        arrays.arrays(
            np.uint8, arrays.array_shapes(min_dims=2, max_dims=2, max_side=12),
            elements=st.sampled_from([0, INSIDE - 1, INSIDE, 255]),
        )
    )  # fmt: skip
    def test_a_mask_comes_back_as_far_as_it_hides(self, mask: NDArray[np.uint8]) -> None:
        runs = run_lengths(mask)
        again = mask_of(mask.shape[0], mask.shape[1], runs)
        np.testing.assert_array_equal(again, np.where(mask >= INSIDE, 255, 0))
        assert all(runs[1:]), "only the first run may be empty"

    def test_it_cannot_be_written_to(self) -> None:
        assert not mask_of(2, 2, [1, 3]).flags.writeable


class TestTheTable:
    def frames(self, count: int, distinct: int) -> list[MaskedFrame]:
        """Each frame has a face and one of `distinct` other masks."""
        masks = []
        for index in range(count):
            other = np.full((4, 300), 255, np.uint8)
            other[0, index % distinct] = 0
            parts = (face(Box(1, 2, 30, 40)), Part("arm", Box(50, 5, 20, 20), other, 0.5, 1))
            masks.append(MaskedFrame(make_frame(index=index), parts))
        return masks

    def test_a_mask_in_use_is_written_once(self) -> None:
        lines = [json.loads(line) for line in written(self.frames(400, 2)).splitlines()]
        assert sum("mask" in line for line in lines) == 3

    @pytest.mark.parametrize("slots", [1, 2, 5])
    def test_it_stays_small_and_every_mask_is_right(
        self, slots: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(masks_file, "SLOTS", slots)
        masks = self.frames(40, 7)
        data = written(masks)
        lines = [json.loads(line) for line in data.splitlines()]
        used = [line["mask"] for line in lines if "mask" in line]
        assert max(used) < max(slots, 3)
        faces = [line for line in lines if line.get("rows") == 48]
        assert len(faces) <= (40 if slots == 1 else 1)
        again = rendered(data, [m.frame for m in masks])
        assert [describe(m.parts) for m in again] == [describe(m.parts) for m in masks]

    def test_memory_does_not_grow_with_the_run(self) -> None:
        frame, shape = make_frame(), np.full((40, 40), 255, np.uint8)
        tracemalloc.start()
        try:
            writer = masks_file.MasksWriter(Nowhere(), HEADER)
            for index in range(3000):
                changing = shape.copy()
                changing[index // 40 % 40, index % 40] = 0
                parts = (Part("arm", Box(5, 5, 9, 9), changing, 0.5, 1),)
                writer.write(recorded(MaskedFrame(replace(frame, index=index), parts)))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 1_000_000, "3000 masks of 1600 samples have 4.8 MB"


class Nowhere(io.BytesIO):
    """Keeps nothing."""

    def write(self, data: object) -> int:
        return len(data)  # type: ignore[arg-type]


class TestTracksOfARecord:
    def text(self, data: bytes, folder: Path) -> TracksFile:
        text = "".join(tracks_of(read_back(data), folder))
        return TracksFile.model_validate_json(text)

    def test_they_are_what_the_run_itself_would_export(self, tmp_path: Path) -> None:
        file = self.text(written(short_run()), tmp_path)
        assert (file.width, file.height, file.frames) == (128, 96, 6)
        assert file.input_sha256 == HASH
        assert file.hidden_whole == {3: Unknown.CORRUPT.value}
        assert [(t.id, t.label, t.shape) for t in file.tracks] == [
            (0, "face", "ellipse"), (4, "face", "ellipse"),
        ]  # fmt: skip
        assert file.tracks[0].boxes[1] == (1, 11.5, 20.3, 30.0, 40.0)
        assert list(tmp_path.iterdir()) == []

    def test_frames_that_the_record_does_not_cover_are_hidden_whole(self, tmp_path: Path) -> None:
        masks = [m for m in short_run() if m.frame.index not in (0, 1, 4)]
        file = self.text(written(masks), tmp_path)
        assert file.frames == 6
        assert set(file.hidden_whole) == {0, 1, 3, 4}


def test_the_same_masks_make_the_same_file() -> None:
    assert written(short_run(), compress=True) == written(short_run(), compress=True)
