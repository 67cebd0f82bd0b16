"""`stream-anon tracks` and `redact --keep`: who is in a recording, and one of them left clear."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

import stream_anon
from stream_anon.cli import main as cli
from stream_anon.core.parts import Box
from stream_anon.errors import ConfigError
from stream_anon.pipeline import people
from tests.faults import use_parser
from tests.media import write
from tests.runs import leftovers, lumas
from tests.stubs import face

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from stream_anon.core.frame import Frame
    from stream_anon.core.parts import Part
    from stream_anon.pipeline.sheet import Cell

SIZE = (320, 180)
FRAMES = 12
LEFT, RIGHT = Box(40, 40, 40, 48), Box(200, 40, 40, 48)


def both(_frame: Frame, _pass: object) -> list[Part]:
    return [face(LEFT), face(RIGHT, person=1)]


@pytest.fixture
def video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two people, as a stub sees them, over noise."""
    use_parser(monkeypatch, both)
    rng = np.random.default_rng(1)
    noise = rng.integers(60, 200, (SIZE[1], SIZE[0], 3)).astype(np.uint8)
    noise = np.asarray(cv2.GaussianBlur(noise, (5, 5), 0), np.uint8)
    return write(
        tmp_path / "in.mp4", size=SIZE, frames=FRAMES, pictures=[noise] * FRAMES,
        options={"crf": "10"},
    )  # fmt: skip


def tracks_of(video: Path, *more: str) -> int:
    return cli.run(["tracks", str(video), *more])


def detail(picture: NDArray[np.uint8], box: Box, scale: float = 1.0) -> float:
    x, y, width, height = (round(v * scale) for v in box.grown(-8, -8))
    return float(picture[y : y + height, x : x + width].std())


def number_of(tracks: Path, box: Box) -> int:
    for track in json.loads(tracks.read_text())["tracks"]:
        _, x, y, width, height = track["boxes"][0]
        if Box(x, y, width, height).iou(box) > 0.3:
            return int(track["id"])
    raise AssertionError("nobody there")


def test_one_is_kept_clear_and_the_other_hidden(
    video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet, out, report = (tmp_path / name for name in ("people.png", "out.mp4", "r.json"))
    assert tracks_of(video, "--sheet", str(sheet)) == 0
    tracks = tmp_path / "people.json"
    told = capsys.readouterr()
    assert told.out.splitlines()[0].endswith("people.json: 2 people in 2 tracks")
    assert "delete it after use" in told.out
    shown = cv2.imread(str(sheet))
    assert shown is not None
    number = number_of(tracks, RIGHT)
    assert (
        stream_anon.redact(
            video, out, tracks=tracks, keep=[number], report=report, method="fill"
        ).people
        == [1] * FRAMES
    )
    before = lumas(video)
    for index, luma in lumas(out).items():
        assert detail(luma, LEFT) < 4
        assert detail(luma, RIGHT) > 0.6 * detail(before[index], RIGHT)


def test_in_each_picture_on_the_sheet_all_others_are_hidden(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two people so close that each is in the picture of the other."""
    near = Box(100, 40, 40, 48)
    use_parser(monkeypatch, lambda _f, _p: [face(LEFT), face(near, person=1)])
    found: list[Cell] = []

    def draw(cells: Sequence[Cell]) -> NDArray[np.uint8]:
        found.extend(cells)
        return np.zeros((9, 9, 3), np.uint8)

    monkeypatch.setattr(people, "draw_sheet", draw)
    config = tmp_path / "fill.toml"
    config.write_text('[redaction]\nmethod = "fill"\n')
    assert tracks_of(video, "--sheet", str(tmp_path / "p.png"), "--config", str(config)) == 0
    assert len(found) == 2
    for cell in found:
        rows, columns = cell.picture.shape[:2]
        luma = cell.picture.mean(axis=2)
        edge = luma[: rows // 2, -columns // 8 :] if cell.number == 0 else luma[:, : columns // 8]
        middle = luma[rows // 6 : rows // 3, columns * 2 // 5 : columns * 3 // 5]
        assert middle.std() > 3
        assert edge.min() < 50, "the fill over whoever is beside them"


def test_what_is_to_be_reviewed_is_on_stdout_and_in_the_report(
    video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tracks, out, report = (tmp_path / name for name in ("t.json", "out.mp4", "r.json"))
    boxes = [[n, *LEFT] for n in range(FRAMES)]
    other = [[n, *LEFT.moved(20, 0)] for n in range(5, FRAMES)]
    entries = [
        {"id": 0, "label": "face", "boxes": boxes}, {"id": 1, "label": "face", "boxes": other},
    ]  # fmt: skip
    known = {"width": SIZE[0], "height": SIZE[1], "frames": FRAMES, "tracks": entries}
    tracks.write_text(json.dumps(known))
    arguments = ["redact", str(video), str(out), "--tracks", str(tracks), "--report", str(report)]
    assert cli.run([*arguments, "--keep", "0"]) == 0
    told = capsys.readouterr()
    said = "review: person 0 is hidden in frames 2 to 11 (0.1 s to 0.4 s): it may be 1"
    assert said in told.out
    assert said not in told.err
    assert any(note.startswith(said) for note in json.loads(report.read_text())["notes"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--keep", "0"], "--keep needs the numbers of a tracks file"),
        (["--only", "0"], "--only needs the numbers of a tracks file"),
        (["--output-dir", "out", "--keep", "0"], "--keep needs the numbers of a tracks file"),
        (["--masks", "TRACKS", "--keep", "0"], "--keep needs the numbers of a tracks file"),
        (["--output-dir", "out", "--tracks", "TRACKS", "--keep", "0"], "is for one input"),
        (["--tracks", "TRACKS", "--keep", "7"], "nobody with the number 7: it has 0, 1"),
        (["--tracks", "TRACKS", "--keep", "0", "--only", "1"], "give one"),
        (["--tracks", "TRACKS", "--keep", "x"], "--keep 'x' is not valid"),
        (["--tracks", "TRACKS", "--only", "1,"], "--only '' is not valid"),
        (["--tracks", "TRACKS", "--keep", "-1"], "--keep '-1' is not valid"),
    ],
)
def test_bad_numbers_are_one_line_and_leave_nothing(
    video: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    tracks = tmp_path / "t.json"
    assert tracks_of(video, "--export-tracks", str(tracks)) == 0
    capsys.readouterr()
    given = [str(tracks) if word == "TRACKS" else word for word in arguments]
    assert cli.run(["redact", str(video), str(tmp_path / "out.mp4"), *given]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert len(told.splitlines()) == 1
    assert leftovers(tmp_path, video, tracks) == []


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "nothing to write"),
        (["--sheet", "FOLDER/p.gif"], 2, "a sheet is a picture: name p.gif .png or .jpg"),
        (["--sheet", "FOLDER/gone/p.png"], 4, "does not exist"),
        (["--sheet", "FOLDER/in.png", "--export-tracks", "FOLDER/in.mp4"], 2, "used twice"),
        (["--sheet", "FOLDER/taken.png"], 4, "exists already"),
    ],
)
def test_bad_files_are_one_line_and_leave_nothing(
    video: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    said: str,
) -> None:
    taken = tmp_path / "taken.png"
    taken.write_text("mine")
    given = [word.replace("FOLDER", str(tmp_path)) for word in arguments]
    assert tracks_of(video, *given) == code
    told = capsys.readouterr().err
    assert said in told
    assert len(told.splitlines()) == 1
    assert leftovers(tmp_path, video, taken) == []
    assert taken.read_text() == "mine"


def test_from_python_a_number_is_a_whole_one(video: Path, tmp_path: Path) -> None:
    for wrong in (["0"], [1.5], [-1], [True]):
        with pytest.raises(ConfigError, match="is not the number of a person"):
            stream_anon.redact(video, tmp_path / "o.mp4", tracks=tmp_path / "t", keep=wrong)  # type: ignore[arg-type]
