"""What an edit may be: everything else is refused in one line, whatever it is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from stream_anon.core.parts import Box
from stream_anon.core.redacted import Unknown
from stream_anon.errors import ConfigError
from stream_anon.masking.edited_masks import BY_HAND, EditedFrames
from stream_anon.masking.edits import load_edits, parse_edits, write_edits
from stream_anon.masking.masks_format import FrameMasks
from stream_anon.masking.outline import Outline
from tests.masks import HEADER
from tests.stubs import face

if TYPE_CHECKING:
    from pathlib import Path

    from stream_anon.core.parts import Part

HERE, THERE = Box(10, 10, 20, 20), Box(50, 10, 20, 20)


def outline(*parts: tuple[Part, ...] | Unknown) -> Outline:
    return Outline.of(HEADER, [FrameMasks(n, n, one) for n, one in enumerate(parts)])


SEEN: list[tuple[Part, ...] | Unknown] = [
    (face(HERE),),
    (face(HERE),),
    (),
    (),
    (face(THERE),),
    Unknown.CORRUPT,
]


def edited(index: int, *edits: dict[str, Any]) -> list[tuple[int, str, Box]]:
    frames = EditedFrames(outline(*SEEN), parse_edits(list(edits)))
    seen = SEEN[index]
    assert isinstance(seen, tuple)
    found = frames.edited(index, seen)
    return [(p.person, p.label, p.box) for p in found.parts if p.person not in found.kept]


def test_hide_fills_the_frames_in_which_a_track_was_lost() -> None:
    assert edited(2) == []
    [(person, label, box)] = edited(2, {"kind": "hide", "track": 0})
    assert (person, label) == (0, "face")
    assert box == pytest.approx(Box(10 + 40 / 3, 10, 20, 20))


def test_hide_refuses_what_it_cannot_hide() -> None:
    with pytest.raises(ConfigError, match="is there from frame 0 to 4 only: add a box"):
        edited(0, {"kind": "hide", "track": 0, "from": 0, "to": 5})


def test_a_box_lies_on_a_straight_line_between_its_keys() -> None:
    keys = [{"frame": 1, "box": [0, 0, 10, 10]}, {"frame": 4, "box": [30, 60, 40, 10]}]
    for index, box in ((1, [0, 0, 10, 10]), (2, [10, 20, 20, 10]), (4, [30, 60, 40, 10])):
        found = [b for _, label, b in edited(index, {"kind": "box", "keys": keys})
                 if label == BY_HAND]  # fmt: skip
        assert found == [pytest.approx(box)]
    assert all(label != BY_HAND for _, label, _ in edited(0, {"kind": "box", "keys": keys}))
    longer = {"kind": "box", "keys": keys, "from": 0, "to": 4}
    assert [box for _, label, box in edited(0, longer) if label == BY_HAND] == [(0, 0, 10, 10)]


def test_a_box_takes_the_place_of_one_part_only() -> None:
    two = outline((face(HERE), face(THERE, label="hair")))
    key = {"frame": 0, "box": [0, 0, 10, 10]}
    with pytest.raises(ConfigError, match=r"several parts: name a label \(face, hair\)"):
        EditedFrames(two, parse_edits([{"kind": "box", "track": 0, "keys": [key]}]))
    edits = parse_edits([{"kind": "box", "track": 0, "label": "hair", "keys": [key]}])
    parts = EditedFrames(two, edits).edited(0, (face(HERE), face(THERE, label="hair"))).parts
    assert [(p.label, p.box) for p in parts] == [("face", HERE), ("hair", Box(0, 0, 10, 10))]


def test_edits_come_back_as_they_were_written(tmp_path: Path) -> None:
    given = [
        {"kind": "keep", "track": 3, "from": 1, "to": 2, "reason": "consent"},
        {"kind": "zone", "points": [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]},
        {"kind": "box", "keys": [{"frame": 0, "box": [1.0, 2.0, 3.0, 4.0]}], "label": "face"},
    ]
    write_edits(tmp_path / "e.json", parse_edits(given))
    assert load_edits(tmp_path / "e.json").to_json() == given


ODD: tuple[Any, ...] = (
    None, True, 0, -1, 2**70, 1e308, float("nan"), float("inf"), "", "x" * 9000, "\0", "\u202e",
    [], [[]], {}, {"": {}}, [None], [{"frame": 2**70, "box": [0, 0, 1, 1]}],
    [{"frame": 0, "box": [0, 0, float("inf"), 1]}], [[float("nan"), 0], [1, 1], [0, 1]],
)  # fmt: skip


def test_whatever_comes_is_refused_in_one_line_or_taken() -> None:
    known, said = outline(*SEEN), list[str]()
    kinds = ("keep", "hide", "delete", "box", "zone", "mute", "", None, 7)
    names = ("track", "label", "from", "to", "keys", "points", "reason", "frames")
    for kind in kinds:
        for name in names:
            for odd in ODD:
                said.append(_taken(known, [{"kind": kind, name: odd}]))
    for odd in ODD:
        said += [_taken(known, odd), _taken(known, {"edits": odd})]
    assert all("\n" not in words and len(words) < 300 for words in said)
    assert "" in said
    assert len(set(said)) > 20


def _taken(known: Outline, content: Any) -> str:
    """Why it is refused; empty where it is not."""
    try:
        edits = parse_edits(content)
        frames = EditedFrames(known, edits)
    except ConfigError as error:
        return str(error)
    for index, parts in enumerate(SEEN):
        if isinstance(parts, tuple):
            frames.edited(index, parts)
    json.dumps(edits.to_json(), allow_nan=False)
    return ""


@pytest.mark.parametrize("text", ["", "{", "[]", '{"stream_anon_edits": 2}', '{"a": 1, "a": 2}'])
def test_a_file_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "e.json"
    path.write_text(text)
    if text == "[]":
        assert load_edits(path).edits == []
        return
    with pytest.raises(ConfigError, match="is not a file of edits"):
        load_edits(path)
