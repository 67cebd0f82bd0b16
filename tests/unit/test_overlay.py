"""The bar that the preview writes over its picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from stream_anon.core.redacted import Unknown
from stream_anon.sinks.window import overlay
from stream_anon.sinks.window.overlay import Overlay, draw

FIELDS = {
    "state": "live", "fps": 25.0, "latency": 0.084, "people": 2, "method": "blur",
    "scope": ["face", "hair"], "strength": "4 cells", "mode": None,
}  # fmt: skip


def words(fields: dict[str, Any], *, parts: int = 0, whole: Unknown | None = None) -> str:
    made = Overlay()
    made.update(fields)
    return " ".join(run.text for run in made.runs(parts, whole))


def test_the_bar_says_how_the_run_does() -> None:
    assert words(FIELDS) == "live 25.0 fps 84 ms 2 hidden blur 4 cells face, hair"
    assert words({}, parts=3) == "live 3 parts hidden"
    assert words(FIELDS | {"mode": "debug"}).startswith("DEBUG live")
    assert words({}, whole=Unknown.LATE) == f"hidden: {Unknown.LATE.value}"
    assert words({"state": "away", "people": 2}) == "away"


def test_it_takes_what_it_knows_and_keeps_the_rest() -> None:
    made = Overlay()
    made.update(FIELDS | {"frozen": True, "colour": "mauve"})
    made.update({"fps": None})
    assert (made.fps, made.people, made.frozen) == (None, 2, False)


@pytest.mark.parametrize("built_in", [True, False], ids=["outline fonts", "stroke fonts"])
@pytest.mark.parametrize(
    ("size", "room"),
    [
        ((1, 1), False),
        ((30, 20), False),
        ((120, 90), True),
        ((320, 180), True),
        ((1280, 720), True),
        ((2560, 90), True),
    ],
)
def test_it_stays_in_its_corner_whatever_the_size(
    size: tuple[int, int], room: bool, built_in: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overlay, "BUILT_IN", built_in and overlay.BUILT_IN)
    width, height = size
    picture = np.full((height, width, 3), 250, np.uint8)
    made = Overlay()
    made.update(FIELDS | {"mode": "debug", "state": "camera away: Türöffner 门"})
    draw(picture, made, help_shown=True)
    touched = (picture != 250).any(axis=2)
    assert not touched[: max(0, height - 80)].any()
    assert touched.any() == room


def drawn(fields: dict[str, Any]) -> NDArray[np.uint8]:
    picture = np.full((720, 1280, 3), 250, np.uint8)
    made = Overlay()
    made.update(fields)
    draw(picture, made)
    return picture


def test_text_can_be_read_on_a_bright_picture() -> None:
    bar = drawn(FIELDS)[680:700, 20:200]
    assert np.median(bar) < 110, "the bar is dark"
    assert (bar.min(axis=2) > 220).sum() > 40, "and its letters are bright"


@pytest.mark.parametrize("change", [{"fps": 12.5}, {"latency": 0.2}, {"people": 7}, {"state": "x"}])
def test_each_figure_is_seen(change: dict[str, Any]) -> None:
    assert not np.array_equal(drawn(FIELDS), drawn(FIELDS | change))


def test_what_there_is_no_room_for_is_left_out_with_its_unit() -> None:
    height = 360
    ends = set()
    for width in range(40, 700, 5):
        picture = np.full((height, width, 3), 250, np.uint8)
        made = Overlay()
        made.update({"fps": 25.0, "latency": 0.084, "people": 2})
        draw(picture, made)
        touched = np.flatnonzero((picture != 250).any(axis=(0, 2)))
        assert not len(touched) or touched[-1] < width - 1
        ends.add(int(touched[-1]) if len(touched) else 0)
    assert len(ends) == 5, "nothing, or 1 to 4 of: state, rate, latency, people"
