"""Which frames of the two videos are compared with each other."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_anon.audit.pairing import matching
from tests.stubs import make_frame

if TYPE_CHECKING:
    from collections.abc import Sequence

MS = Fraction(1, 1000)
RATE = 25


def paired(
    original: Sequence[float], redacted: Sequence[float], offset: float = 0.0
) -> list[tuple[int | None, int | None]]:
    """Indices of the frames that belong together, given their times in seconds."""
    how = matching(np.array(original), np.array(redacted), offset)
    videos = [
        iter(
            [
                make_frame(16, 16, index, pts=round(time * 1000), time_base=MS)
                for index, time in enumerate(times)
            ]
        )
        for times in (original, redacted)
    ]
    return [
        (before.index if before else None, after.index if after else None)
        for before, after in how.pairs(*videos)
    ]


def regular(frames: int, start: float = 0.0) -> list[float]:
    return [start + index / RATE for index in range(frames)]


def straight(frames: int) -> list[tuple[int | None, int | None]]:
    return [(index, index) for index in range(frames)]


def test_frames_of_one_time_belong_together() -> None:
    assert paired(regular(30), regular(30)) == straight(30)


def test_rounded_times_are_the_same() -> None:
    exact = [index / 30 for index in range(60)]
    assert paired(exact, [round(time, 2) for time in exact]) == straight(60)
    assert matching(np.array(exact), np.round(exact, 2)).by_time


@given(lost=st.integers(0, 39))
def test_a_frame_that_was_lost_is_found_missing(lost: int) -> None:
    times = regular(40)
    expected = [(index, None if index == lost else index - (index > lost)) for index in range(40)]
    assert paired(times, times[:lost] + times[lost + 1 :]) == expected


@given(added=st.integers(1, 39))
def test_a_frame_that_was_added_is_found(added: int) -> None:
    times = regular(40)
    more = [*times[:added], times[added] - 0.02, *times[added:]]
    pairs = paired(times, more)
    assert (None, added) in pairs
    assert [pair for pair in pairs if None not in pair] == [
        (index, index + (index >= added)) for index in range(40)
    ]


def test_one_lost_and_one_added_shift_nothing() -> None:
    times = regular(40)
    changed = [*times[:10], *times[11:30], times[30] - 0.02, *times[30:]]
    pairs = paired(times, changed)
    assert (10, None) in pairs
    assert pairs[15] == (15, 14)
    assert pairs[-1] == (39, 39)


def test_a_video_that_begins_later_is_matched_from_its_beginning() -> None:
    assert paired(regular(30), regular(30, start=3.0)) == straight(30)


def test_a_part_is_matched_where_it_was_cut_out_of() -> None:
    times = regular(60)
    pairs = paired(times, times[20:40])
    assert pairs[:20] == [(index, None) for index in range(20)]
    assert pairs[20:40] == [(index + 20, index) for index in range(20)]


def test_where_a_recording_begins_is_no_delay() -> None:
    how = matching(np.array(regular(30, start=100.0)), np.array(regular(30)), -100.0)
    assert how.by_time
    assert how.offset == -100.0


def test_other_times_altogether_are_matched_by_order() -> None:
    original = [0.0, 0.1, 0.12, 0.5, 0.51, 0.9, 1.4, 1.41, 1.9, 2.4]
    assert paired(original, regular(10)) == straight(10)
    assert not matching(np.array(original), np.array(regular(10))).by_time


@pytest.mark.parametrize("frames", [(0, 3), (3, 0), (1, 1), (1, 3), (0, 0)])
def test_short_videos(frames: tuple[int, int]) -> None:
    pairs = paired(regular(frames[0]), regular(frames[1]))
    assert [a for a, _ in pairs if a is not None] == list(range(frames[0]))
    assert [b for _, b in pairs if b is not None] == list(range(frames[1]))
    assert sum(None not in pair for pair in pairs) == min(frames)


@given(
    st.lists(st.integers(0, 400), max_size=30, unique=True),
    st.lists(st.integers(0, 400), max_size=30, unique=True),
)
def test_every_frame_comes_once_and_in_order(a: list[int], b: list[int]) -> None:
    pairs = paired([time / 100 for time in sorted(a)], [time / 100 for time in sorted(b)])
    assert [before for before, _ in pairs if before is not None] == list(range(len(a)))
    assert [after for _, after in pairs if after is not None] == list(range(len(b)))
    assert all(before is not None or after is not None for before, after in pairs)
