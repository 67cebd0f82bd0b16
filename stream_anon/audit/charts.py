"""Charts of an audit as inline SVG. However long the video is, no exposure is too short to see."""

from __future__ import annotations

from html import escape
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from stream_anon.audit.people import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from stream_anon.audit.findings import Findings
    from stream_anon.audit.people import Person

WIDTH, LEFT = 1000, 150
"""Of a chart, and of the names at its left; units of the picture."""
COLUMNS = 800
"""Places along the time axis; each shows the worst of its frames."""
ROW = 22
HEIGHT = 120
"""Of a plot."""
LONGEST_NAME = 20

SEEN = 2
"""Columns that an exposure takes at least."""

_RANK = {
    State.UNJUDGED: 0,
    State.HIDDEN: 1,
    State.NO_FRAME: 2,
    State.UNMATCHED: 2,
    State.EXPOSED: 3,
}
_COLORS = {1: "hidden", 2: "odd", 3: "bad"}


def timeline(findings: Findings, rows: Sequence[tuple[str, Person]]) -> str:
    """A row for each person: when the face is to be seen, and when it is exposed."""
    times = np.array(findings.course.times)
    column = _columns(times)
    height = ROW * len(rows) + 24
    inside: list[str] = []
    for number, (name, person) in enumerate(rows):
        y = number * ROW
        shown = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
        inside.append(f'<text x="0" y="{y + 15}">{escape(shown)}</text>')
        inside.append(
            f'<rect x="{LEFT}" y="{y + 3}" width="{WIDTH - LEFT}" height="{ROW - 6}" rx="3" '
            'fill="var(--line)" opacity=".5"/>'
        )
        for first, last, rank in _spans(person, column):
            color = "kept" if person.kept else _COLORS[rank]
            inside.append(
                f'<rect x="{_x(first):.1f}" y="{y + 3}" width="{_x(last + 1) - _x(first):.1f}" '
                f'height="{ROW - 6}" fill="var(--{color})"/>'
            )
    inside.append(_axis(times, ROW * len(rows)))
    return _svg(height, inside)


def _spans(person: Person, column: NDArray[np.intp]) -> Iterable[tuple[int, int, int]]:
    """First and last column of each stretch of one rank, and the rank; wide enough to be seen."""
    worst = np.zeros(COLUMNS, np.int8)
    ranks = np.array([_RANK[state] for state in State], np.int8)[person.state]
    known = person.frames + 1 < len(column)
    frames, ranks = person.frames[known], ranks[known]
    begins = np.flatnonzero((np.diff(frames) > 1) | (np.diff(ranks) != 0)) + 1
    for run in np.split(np.arange(len(frames)), begins) if len(frames) else ():
        rank = int(ranks[run[0]])
        first, end = int(column[frames[run[0]]]), int(column[frames[run[-1]] + 1])
        least = SEEN if rank == _RANK[State.EXPOSED] else 1
        first = min(first, COLUMNS - least)
        cover = worst[first : max(end, first + least)]
        np.maximum(cover, rank, out=cover)
    for rank, group in groupby(range(COLUMNS), key=lambda n: int(worst[n])):
        if rank:
            columns = list(group)
            yield columns[0], columns[-1], rank


def line_chart(
    times: Sequence[float],
    values: Sequence[float],
    *,
    color: str,
    limit: float | None,
    top: float | None,
) -> str:
    """A value over time, of each column the largest.

    Args:
        times: in seconds.
        values: 0..1, one for each time.
        color: name of a variable of the page's style.
        limit: a line is drawn here.
        top: upper end of the scale; None fits it to the values.
    """
    column = _columns(np.array(times))
    largest = np.zeros(COLUMNS)
    np.maximum.at(largest, column[:-1], np.array(values, np.float64))
    filled = np.zeros(COLUMNS, np.bool_)
    filled[column[:-1]] = True
    if filled.any():
        places = np.flatnonzero(filled)
        before = places[np.maximum(np.searchsorted(places, np.arange(COLUMNS), "right") - 1, 0)]
        largest = largest[before]
    scale = top or max(0.02, float(np.ceil(largest.max() * 20) / 20))
    heights = HEIGHT - HEIGHT * np.minimum(largest / scale, 1)
    points = " ".join(f"{_x(n):.1f},{height:.1f}" for n, height in enumerate(heights))
    inside = [
        (
            f'<polygon points="{LEFT},{HEIGHT} {points} {WIDTH},{HEIGHT}" '
            f'fill="var(--{color})" opacity=".75"/>'
        ),
        f'<line x1="{LEFT}" x2="{WIDTH}" y1="{HEIGHT}" y2="{HEIGHT}" stroke="var(--line)"/>',
        f'<text x="{LEFT - 8}" y="11" text-anchor="end">{100 * scale:.0f} %</text>',
        f'<text x="{LEFT - 8}" y="{HEIGHT}" text-anchor="end">0</text>',
    ]
    if limit is not None:
        y = HEIGHT * (1 - limit / scale)
        inside.append(
            f'<line x1="{LEFT}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="var(--soft)" '
            'stroke-dasharray="4 4"/>'
            f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{100 * limit:.0f} %</text>'
        )
    inside.append(_axis(np.array(times), HEIGHT))
    return _svg(HEIGHT + 24, inside)


def _columns(times: NDArray[np.float64]) -> NDArray[np.intp]:
    """The column in which each frame begins, and where the last one ends."""
    if not len(times):
        return np.zeros(0, np.intp)
    places = (times - times[0]) / _length(times) * COLUMNS
    return np.append(np.clip(places, 0, COLUMNS - 1), COLUMNS).astype(np.intp)


def _length(times: NDArray[np.float64]) -> float:
    """Of the video in seconds, the last frame included."""
    if len(times) < 2:
        return 0.04
    return max(float(times[-1] - times[0] + np.median(np.diff(times))), 1e-9)


def _x(column: float) -> float:
    return LEFT + (WIDTH - LEFT) * column / COLUMNS


def _axis(times: NDArray[np.float64], y: int) -> str:
    length = _length(times)
    marks = [
        f'<text x="{_x(COLUMNS * share):.0f}" y="{y + 17}" text-anchor="{anchor}">'
        f"{_clock(length * share)}</text>"
        for share, anchor in ((0, "start"), (0.25, "middle"), (0.5, "middle"), (0.75, "middle"))
    ]
    marks.append(f'<text x="{WIDTH}" y="{y + 17}" text-anchor="end">{_clock(length)}</text>')
    return "".join(marks)


def _clock(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _svg(height: int, inside: Iterable[str]) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img">' + "\n".join(inside) + "</svg>\n"
