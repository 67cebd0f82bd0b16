"""A part of a recording: what is searched, what comes out, and what never does."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from stream_anon.config import load_settings
from stream_anon.core.address import parse_time
from stream_anon.core.redacted import MaskedFrame, Unknown
from stream_anon.errors import ConfigError
from stream_anon.pipeline.excerpt import Excerpt, ExcerptMasker, Selection, select
from tests.stubs import make_frame, make_info

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from stream_anon.core.frame import Frame

FRAMES = 250
"""Ten seconds."""


class Everything:
    """A masker that hides nobody and remembers which frames it has seen; it lags behind."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def masks(self, frames: Iterable[Frame]) -> Iterator[MaskedFrame]:
        held: list[Frame] = []
        for frame in frames:
            self.seen.append(frame.index)
            held.append(frame)
            if len(held) > 10:
                yield MaskedFrame(held.pop(0), ())
        yield from (MaskedFrame(frame, ()) for frame in held)


def run(excerpt: Excerpt, corrupt: int = -1) -> tuple[list[MaskedFrame], list[int], ExcerptMasker]:
    inner = Everything()
    masker = ExcerptMasker(inner, excerpt, load_settings(), make_info())
    frames = (make_frame(index=index, corrupt=index == corrupt) for index in range(FRAMES))
    return list(masker.masks(frames)), inner.seen, masker


def shown(masked: list[MaskedFrame]) -> list[int]:
    return [item.frame.index for item in masked if not isinstance(item.parts, Unknown)]


@pytest.mark.parametrize(
    ("begin", "end", "first", "last"),
    [
        (4, 6, 100, 149),
        (None, 1, 0, 24),
        (9, None, 225, 249),
        (0, 100, 0, 249),
        (4.01, 4.1, 101, 102),
    ],
)
def test_what_is_outside_is_hidden_whole_and_in_its_place(
    begin: float | None, end: float | None, first: int, last: int
) -> None:
    masked, _, masker = run(Excerpt(begin, end))
    assert [item.frame.index for item in masked] == list(range(FRAMES))
    assert shown(masked) == list(range(first, last + 1))
    assert {item.parts for item in masked if isinstance(item.parts, Unknown)} <= {Unknown.OUTSIDE}
    masker.check_found()


def test_trimmed_it_is_all_there_is() -> None:
    masked, _, _ = run(Excerpt(4, 6, trim=True))
    assert [item.frame.index for item in masked] == shown(masked) == list(range(100, 150))


def test_what_is_before_and_after_is_searched_and_what_is_far_is_not() -> None:
    _, seen, _ = run(Excerpt(4, 6))
    assert seen == list(range(seen[0], seen[-1] + 1))
    assert seen[0] <= 50
    assert 150 + 25 <= seen[-1] < 200
    assert seen[0] > 0


def test_damage_outside_is_told() -> None:
    masked, _, _ = run(Excerpt(4, 6), corrupt=3)
    assert masked[3].parts is Unknown.CORRUPT


def test_a_part_behind_the_end_is_refused() -> None:
    masked, _, masker = run(Excerpt(20, 30))
    assert shown(masked) == []
    with pytest.raises(ConfigError, match="no frame from 20 s to 30 s"):
        masker.check_found()


@pytest.mark.parametrize(
    ("begin", "end", "trim", "said"),
    [
        (None, None, True, "name --from"),
        (3, 2, False, "exchange them"),
        (2, 2, False, "exchange them"),
        (-1, None, False, "negative"),
        (None, 0, False, "cannot end"),
    ],
)
def test_parts_that_make_no_sense_are_refused(
    begin: float | None, end: float | None, trim: bool, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        select(begin, end, None, trim=trim)


def test_without_a_wish_everything_is_selected() -> None:
    assert select(None, None, None, trim=False) == Selection()
    with pytest.raises(ConfigError, match="count from 1"):
        select(None, None, 0, trim=False)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90), ("0", 0), ("1.5", Fraction(3, 2)), (".5", Fraction(1, 2)), ("1:30", 90),
        ("00:10", 10), ("90:00", 5400), ("01:02:03.25", Fraction(14893, 4)), (" 5 ", 5),
    ],
)  # fmt: skip
def test_a_time_is_read_as_people_write_it(text: str, seconds: Fraction) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "x", "-1", "1:60", "1:60:00", "1:2:3:4", "5s", "1:", "1e3", "9" * 5000]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="not a valid time"):
        parse_time(text)
