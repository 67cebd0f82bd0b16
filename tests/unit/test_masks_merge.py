"""Merging records of ranges: what any of them hides is hidden, what none covers is not covered."""

from __future__ import annotations

import gzip
from contextlib import ExitStack
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_anon.core.parts import Box, Part
from stream_anon.core.redacted import Unknown
from stream_anon.errors import ConfigError, OutputExistsError, SinkError
from stream_anon.masking.masks_file import MasksReader, open_masks
from stream_anon.masking.masks_format import FrameMasks
from stream_anon.masking.masks_merge import merge, merged
from tests.masks import HASH, HEADER, written
from tests.stubs import face

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Region = tuple[str, Box, float, bytes]
Side = dict[int, FrameMasks]

HOOK = np.zeros((6, 5), np.uint8)
HOOK[:, :2] = 255


def region(part: Part) -> Region:
    return part.label, part.box, part.spread, part.mask.tobytes()


def regions(frame: FrameMasks) -> set[Region]:
    assert isinstance(frame.parts, tuple)
    return {region(part) for part in frame.parts}


def union_of(sides: Sequence[Side]) -> Side:
    readers = [MasksReader(BytesIO(written(list(side.values()))), "m") for side in sides]
    frames = list(merged(readers))
    assert [f.index for f in frames] == sorted({f.index for f in frames})
    return {frame.index: frame for frame in frames}


def saved(folder: Path, *sides: Side, **options: object) -> list[Path]:
    paths = []
    for number, side in enumerate(sides):
        path = folder / f"{number}.jsonl"
        path.write_bytes(written(list(side.values()), **options))  # type: ignore[arg-type]
        paths.append(path)
    return paths


def read(path: Path) -> Side:
    with ExitStack() as stack:
        file, reader = open_masks(path)
        stack.callback(file.close)
        assert reader.footer is not None
        return {frame.index: frame for frame in reader.frames()}


def at(index: int, *parts: Part) -> FrameMasks:
    return FrameMasks(index, 512 * index, parts)


def unknown(index: int) -> FrameMasks:
    return FrameMasks(index, 512 * index, Unknown.CORRUPT)


def side(*frames: FrameMasks) -> Side:
    return {frame.index: frame for frame in frames}


parts = st.builds(
    lambda x, person, form: (
        face(Box(x, 5, 20, 30.25), person=person)
        if form
        else Part("arm", Box(x, 5, 20, 30.25), HOOK, 0.5, person, spread=2.5)
    ),
    st.integers(0, 3),
    st.integers(0, 3),
    st.booleans(),
)
contents = st.one_of(
    st.just(Unknown.CORRUPT), st.just(Unknown.NOT_PARSED), st.lists(parts, max_size=3).map(tuple)
)


@st.composite
def ranges(draw: st.DrawFn) -> Side:
    """A record of some range, with or without holes."""
    first, count = draw(st.integers(0, 12)), draw(st.integers(0, 6))
    indices = [index for index in range(first, first + count) if draw(st.integers(0, 5))]
    return side(*(FrameMasks(index, 512 * index, draw(contents)) for index in indices))


class TestTheUnion:
    @given(st.lists(ranges(), min_size=1, max_size=4))
    def test_each_frame_hides_what_any_record_hides_there(self, sides: list[Side]) -> None:
        union = union_of(sides)
        assert union.keys() == set().union(*sides), "what none covers is not covered"
        for index, frame in union.items():
            there = [s[index] for s in sides if index in s]
            assert frame.pts == 512 * index
            if any(isinstance(f.parts, Unknown) for f in there):
                assert isinstance(frame.parts, Unknown)
            else:
                assert regions(frame) == set().union(*map(regions, there))

    @given(st.lists(ranges(), min_size=2, max_size=4))
    def test_no_track_number_means_tracks_of_two_records(self, sides: list[Side]) -> None:
        owners: dict[int, set[int]] = {}
        marked = [
            side(*(mark(frame, owner) for frame in each.values()))
            for owner, each in enumerate(sides)
        ]
        for frame in union_of(marked).values():
            for part in frame.parts if isinstance(frame.parts, tuple) else ():
                owners.setdefault(part.person, set()).add(int(part.label))
        assert all(len(records) == 1 for records in owners.values())

    @given(ranges())
    def test_a_record_alone_and_with_itself_stays_as_it_is(self, alone: Side) -> None:
        for sides in ([alone], [alone, alone]):
            union = union_of(sides)
            assert union.keys() == alone.keys()
            for index, frame in union.items():
                assert described(frame) == described(alone[index])

    @given(st.lists(ranges(), min_size=2, max_size=3))
    def test_the_order_of_the_records_does_not_matter(self, sides: list[Side]) -> None:
        one, two = union_of(sides), union_of(sides[::-1])
        assert one.keys() == two.keys()
        for index, frame in one.items():
            if isinstance(frame.parts, Unknown):
                assert isinstance(two[index].parts, Unknown)
            else:
                assert regions(frame) == regions(two[index])


def mark(frame: FrameMasks, owner: int) -> FrameMasks:
    """The same with parts whose label tells the record."""
    if isinstance(frame.parts, Unknown):
        return frame
    marked = tuple(Part(str(owner), p.box, p.mask, p.score, p.person) for p in frame.parts)
    return FrameMasks(frame.index, frame.pts, marked)


def described(frame: FrameMasks) -> object:
    if isinstance(frame.parts, Unknown):
        return frame.parts
    return [(region(part), part.person) for part in frame.parts]


class TestFiles:
    OTHER = face(Box(9, 9, 5, 5), person=6)
    LEFT = side(at(0, face(Box(1, 2, 30, 40))), at(1, face(Box(2, 2, 30, 40)), OTHER))
    RIGHT = side(at(1, face(Box(4, 2, 30, 40))), at(2), unknown(3))

    def test_a_seam_is_hidden_by_both_sides_and_tracks_stay_apart(self, tmp_path: Path) -> None:
        out = tmp_path / "all.jsonl"
        merge(saved(tmp_path, self.RIGHT, self.LEFT), out)
        union = read(out)
        assert [*union] == [0, 1, 2, 3]
        assert described(union[1]) == [
            (region(face(Box(2, 2, 30, 40))), 0),
            (region(self.OTHER), 6),
            (region(face(Box(4, 2, 30, 40))), 7),
        ]
        assert union[2].parts == ()
        assert union[3].parts is Unknown.CORRUPT

    def test_what_is_merged_can_be_merged_again(self, tmp_path: Path) -> None:
        left, right = saved(tmp_path, self.LEFT, self.RIGHT)
        more = tmp_path / "more.jsonl"
        more.write_bytes(written([at(4, face(Box(1, 1, 9, 9)))]))
        merge([left, right], tmp_path / "two.jsonl")
        merge([tmp_path / "two.jsonl", more], tmp_path / "three.jsonl.gz")
        packed = (tmp_path / "three.jsonl.gz").read_bytes()
        assert gzip.decompress(packed).startswith(b'{"stream_anon_masks":1')
        last = read(tmp_path / "three.jsonl.gz")[4]
        assert described(last) == [(region(face(Box(1, 1, 9, 9))), 8)]

    def test_an_existing_file_stays_unless_it_may_go(self, tmp_path: Path) -> None:
        paths, out = saved(tmp_path, self.LEFT), tmp_path / "all.jsonl"
        out.write_text("precious")
        with pytest.raises(OutputExistsError):
            merge(paths, out)
        assert out.read_text() == "precious"
        merge(paths, out, overwrite=True)
        assert [*read(out)] == [0, 1]

    def test_a_record_may_be_replaced_by_what_it_is_merged_to(self, tmp_path: Path) -> None:
        paths = saved(tmp_path, self.LEFT, self.RIGHT)
        merge(paths, paths[0], overwrite=True)
        assert [*read(paths[0])] == [0, 1, 2, 3]

    def test_where_it_fails_there_is_nothing(self, tmp_path: Path) -> None:
        paths, out = saved(tmp_path, self.LEFT, self.RIGHT), tmp_path / "all.jsonl"
        paths[1].write_bytes(paths[1].read_bytes().replace(b'"frame":2', b'"frame":"2"'))
        with pytest.raises(ConfigError, match=r"1\.jsonl, line 4"):
            merge(paths, out)
        assert sorted(tmp_path.iterdir()) == sorted(paths)
        with pytest.raises(SinkError, match="no such file"):
            merge(paths[:1], tmp_path / "gone" / "all.jsonl")


class TestWhatDoesNotBelongTogether:
    def test_nothing_at_all(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="no records"):
            merge([], tmp_path / "all.jsonl")

    def test_a_record_that_is_cut_off(self, tmp_path: Path) -> None:
        paths = saved(tmp_path, side(at(0)), end=False)
        with pytest.raises(ConfigError, match=r"0\.jsonl is truncated: compute its range again"):
            merge(paths, tmp_path / "all.jsonl")

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            ({"width": 130}, "another video"),
            ({"time_base": "1/30"}, "another video"),
            ({"engine": "other"}, "other settings"),
            ({"model_sha256": "ef" * 32}, "other settings"),
            ({"settings_sha256": "ef" * 32}, "other settings"),
        ],
        ids=str,
    )
    def test_another_video_or_other_settings(
        self, change: dict[str, object], told: str, tmp_path: Path
    ) -> None:
        (one,) = saved(tmp_path, side(at(0)))
        other = tmp_path / "other.jsonl"
        other.write_bytes(written([at(1)], header=HEADER.model_copy(update=change)))
        with pytest.raises(ConfigError, match=rf"other\.jsonl is from {told} than 0\.jsonl"):
            merge([one, other], tmp_path / "all.jsonl")

    @pytest.mark.parametrize("input_sha256", [None, "ef" * 32])
    def test_another_input(self, input_sha256: str | None, tmp_path: Path) -> None:
        assert input_sha256 != HASH
        (one,) = saved(tmp_path, side(at(0)))
        other = tmp_path / "other.jsonl"
        other.write_bytes(written([at(1)], input_sha256=input_sha256))
        with pytest.raises(ConfigError, match=r"other\.jsonl was computed from another input"):
            merge([one, other], tmp_path / "all.jsonl")

    def test_records_that_do_not_agree_on_a_time(self, tmp_path: Path) -> None:
        paths = saved(tmp_path, side(at(0), at(1)), side(FrameMasks(1, 513, ())))
        with pytest.raises(ConfigError, match="disagree on when frame 1 is shown"):
            merge(paths, tmp_path / "all.jsonl")
