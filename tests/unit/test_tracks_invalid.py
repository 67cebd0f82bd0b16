"""Tracks files that people broke: one line says what is wrong, where, and what to write."""

from __future__ import annotations

import json
from math import inf, nan
from typing import TYPE_CHECKING, Any

import pytest

from stream_anon.cli import main as cli
from stream_anon.errors import ConfigError
from stream_anon.masking.tracks_file import load_tracks
from tests.media import write

if TYPE_CHECKING:
    from pathlib import Path

BOX = [0, 10.0, 20.0, 30.0, 40.0]
TRACK = {"id": 7, "label": "face", "shape": "ellipse", "hide": True, "boxes": [BOX, BOX]}
FILE = {
    "stream_anon_tracks": 1, "input_sha256": None, "width": 320, "height": 180, "frames": 30,
    "hidden_whole": {"3": "damaged input"}, "joined": [], "tracks": [TRACK],
}  # fmt: skip


def file(**changes: Any) -> str:
    return json.dumps({**FILE, **changes})


def without(key: str) -> str:
    return json.dumps({name: value for name, value in FILE.items() if name != key})


def track(**changes: Any) -> str:
    """A file whose second track is changed."""
    return file(tracks=[{**TRACK, "id": 1}, {**TRACK, **changes}])


def box(*values: object) -> str:
    """A file whose second track has another third box."""
    return track(boxes=[BOX, BOX, list(values)])


IN_TRACK = "track 7 (number 2 in the file)"
IN_BOX = f"{IN_TRACK}, box 3"
FORM = "write [frame, x, y, width, height]"

BAD: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "it is empty"),
    "blank": (" \n", "it is empty"),
    "not JSON": ("hello", "it is not valid JSON: look at line 1, column 1"),
    "cut off": (file()[:40], "it is not valid JSON: look at line 1, column "),
    "not text": (b"\xff\xfe\x00", "byte 1 is not UTF-8 text"),
    "deep": ("[" * 100_000, "nested too deep"),
    "a list": ("[]", "it does not begin with {"),
    "a number": ("7", "it does not begin with {"),
    "a record of masks": ('{"stream_anon_masks":1}\n{"end":0}\n', "use --masks"),
    "another version": (file(stream_anon_tracks=3), "is 3; this program reads 1 and 2"),
    "no width": (without("width"), "width is missing: add it"),
    "no frames": (without("frames"), "frames is missing: add it"),
    "no tracks": (without("tracks"), "tracks is missing: add it"),
    "width of 0": (file(width=0), "width is 0: write a number above 0"),
    "width in words": (file(width="wide"), 'width is "wide": write a whole number'),
    "width in quotes": (file(width="320"), 'width is "320": write a whole number'),
    "huge width": (file(width=10**9), "width is 1000000000: write a number of at most 1000000"),
    "frames below 0": (file(frames=-1), "frames is -1: write a number of at least 0"),
    "unknown key": (file(hidde_whole={}), 'unknown key "hidde_whole": did you mean hidden_whole?'),
    "a key twice": ('{"tracks": [], "tracks": []}', 'the key "tracks" twice'),
    "tracks no list": (file(tracks={}), "tracks is {}: write a list in [ ]"),
    "a track no object": (file(tracks=[5]), "the track that is number 1 in the file is 5: write {"),
    "no id": (file(tracks=[{"label": "face", "boxes": []}]), "number 1 in the file: id is missing"),
    "id in words": (track(id="x"), 'number 2 in the file: id is "x": write a whole number'),
    "no boxes": (file(tracks=[{"id": 7, "label": "face"}]), "boxes is missing: add it"),
    "empty label": (track(label=""), f'{IN_TRACK}: label is "": it may not be empty'),
    "label of two lines": (track(label="a\nb"), "leave out line breaks"),
    "unknown shape": (
        track(shape="star"),
        "shape is \"star\": write 'ellipse', 'box' or 'polygon'",
    ),
    "no corners": (track(shape="polygon"), f"{IN_TRACK}: a polygon needs 3 corners or more"),
    "two corners": (track(shape="polygon", points=[[0, 0], [1, 1]]), "needs 3 corners or more"),
    "corners of a box": (track(shape="box", points=[[0, 0]] * 3), "points are for a polygon"),
    "corner in pixels": (
        track(shape="polygon", points=[[0, 0], [640, 0], [1, 1]]),
        f"{IN_TRACK}, corner 2 is wrong",
    ),
    "corner of one number": (
        track(shape="polygon", points=[[0]]),
        f"{IN_TRACK}, corner 1 is wrong",
    ),
    "hide in words": (track(hide="no"), f'{IN_TRACK}: hide is "no": write true or false'),
    "hide misspelt": (track(hid=False), f'{IN_TRACK}: unknown key "hid": did you mean hide?'),
    "unknown in a track": (track(colour="red"), 'unknown key "colour": keys are id, label'),
    "boxes no list": (track(boxes="x"), f'{IN_TRACK}: boxes is "x": write a list in [ ]'),
    "box no list": (track(boxes=[5]), f"{IN_TRACK}, box 1 is 5: {FORM}"),
    "box too short": (box(1, 2, 3), f"{IN_BOX} is [1, 2, 3]: {FORM}"),
    "box too long": (box(1, 2, 3, 4, 5, 6), f"{IN_BOX} is [1, 2, 3, 4, 5, 6]: {FORM}"),
    "NaN": (box(1, nan, 2, 3, 4), f"{IN_BOX}: x is NaN: write a number"),
    "infinite": (box(1, 2, inf, 3, 4), f"{IN_BOX}: y is Infinity: write a number"),
    "negative size": (box(1, 2, 3, -4, 5), f"{IN_BOX}: width is -4: write a number above 0"),
    "no size": (box(1, 2, 3, 4, 0), f"{IN_BOX}: height is 0: write a number above 0"),
    "huge place": (box(1, 1e308, 3, 4, 5), f"{IN_BOX}: x is 1e+308: write a number of at most"),
    "huge whole number": (box(1, 10**400, 3, 4, 5), f"{IN_BOX}: x is 1000"),
    "endless number": (
        file()[:-1] + ', "x": 1' + "0" * 5000 + "}",
        "a number of thousands of digits",
    ),
    "huge frame": (box(10**30, 2, 3, 4, 5), f"{IN_BOX}: frame is 1000"),
    "frame below 0": (box(-1, 2, 3, 4, 5), f"{IN_BOX}: frame is -1: write a number of at least 0"),
    "half a frame": (box(1.5, 2, 3, 4, 5), f"{IN_BOX}: frame is 1.5: write a whole number"),
    "text in a box": (box(1, "left", 3, 4, 5), f'{IN_BOX}: x is "left": write a number'),
    "a number in quotes": (box(1, "2", 3, 4, 5), f'{IN_BOX}: x is "2": write a number'),
    "true in a box": (box(True, 2, 3, 4, 5), f"{IN_BOX}: frame is true: write a whole number"),
    "nothing in a box": (box(1, None, 3, 4, 5), f"{IN_BOX}: x is null: write a number"),
    "hidden_whole a list": (file(hidden_whole=[3]), "hidden_whole is [3]: write keys with values"),
    "hidden_whole in words": (
        file(hidden_whole={"x": "damaged"}),
        'hidden_whole has "x" as a frame',
    ),
    "no reason": (
        file(hidden_whole={"1": 3}),
        "hidden_whole, frame 1: the reason is 3: write text",
    ),
    "one joined": (file(joined=[{"tracks": [7]}]), "entry 1 of joined: its tracks are not two"),
    "joined with nobody": (
        file(joined=[{"tracks": [7, 9]}]),
        "joined names 9, which is none of its tracks",
    ),
    "unknown in a join": (file(joined=[{"track": [7, 7]}]), "entry 1 of joined"),
    "a hash of no text": (file(input_sha256=3), "input_sha256 is 3: write text in quotes"),
}


def test_the_file_that_they_are_made_of_is_good(tmp_path: Path) -> None:
    path = tmp_path / "tracks.json"
    path.write_text(track())
    assert [len(entry.boxes) for entry in load_tracks(path).tracks] == [2, 2]
    path.write_text(file(), encoding="utf-8-sig")
    assert len(load_tracks(path).tracks) == 1, "editors on Windows write a mark first"


@pytest.mark.parametrize("case", BAD)
def test_it_is_said_what_is_wrong_and_where(case: str, tmp_path: Path) -> None:
    content, said = BAD[case]
    path = tmp_path / "bad.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError) as caught:
        load_tracks(path)
    message = str(caught.value)
    assert message.startswith(f"{path} is not a tracks file: ")
    assert said in message
    assert "\n" not in message
    assert len(message) < len(str(path)) + 200
    for word in ("input should", "validation", "dictionary", "type=", "Expecting", "codec"):
        assert word not in message


def test_a_missing_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read the tracks file .*gone\.json"):
        load_tracks(tmp_path / "gone.json")


@pytest.mark.parametrize(
    ("option", "content"),
    [("--tracks", track(hide="no")), ("--tracks", ""), ("--masks", ""), ("--config", "[redaction")],
)
def test_a_run_with_one_writes_nothing(
    option: str, content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, given = write(tmp_path / "in.mp4", frames=3), tmp_path / "given"
    given.write_text(content)
    report, output = tmp_path / "report.json", tmp_path / "out.mp4"
    arguments = ["redact", source, output, option, given, "--report", report]
    assert cli.run([str(argument) for argument in arguments]) == 2
    said = capsys.readouterr().err
    assert said.startswith("stream-anon: ")
    assert said.count("\n") == 1
    assert str(given) in said or given.name in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["given", "in.mp4"]
