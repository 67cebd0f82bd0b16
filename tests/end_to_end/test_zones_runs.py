"""Zones in whole runs: recordings, pictures, and masks or tracks that exist already."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import stream_anon
from stream_anon.cli import main as cli
from stream_anon.core.files import HashedFile
from stream_anon.core.parts import Box
from stream_anon.pipeline import picture
from stream_anon.pipeline.engines import Engines
from tests.faults import use_parser
from tests.media import write
from tests.runs import leftovers, lumas
from tests.stubs import StubParser, face, nobody

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIZE = (160, 96)
FRAMES = 12
LEFT = Box(16, 20, 48, 56)
"""A face that only the stub sees."""
CONFIG = """
[redaction]
method = "fill"
color = "#ffffff"

[[redaction.zones]]
name = "door"
points = [[0.6, 0.1], [0.9, 0.1], [0.9, 0.9], [0.6, 0.9]]

[[redaction.zones]]
name = "poster"
mode = "ignore"
points = [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]
"""


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write(tmp_path / "in.mp4", frames=FRAMES, size=SIZE)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "zones.toml"
    path.write_text(CONFIG)
    return path


def in_door(luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return luma[12:84, 100:140]


def on_poster(luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return luma[30:66, 26:54]


def is_white(luma: NDArray[np.uint8]) -> bool:
    return bool((luma > 225).all())


def test_a_recording_hides_and_ignores_them_in_every_frame(
    video: Path, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_parser(monkeypatch, lambda _f, _p: [face(LEFT)])
    report = tmp_path / "report.json"
    out = tmp_path / "out.mp4"
    done = cli.run(
        ["redact", str(video), str(out), "--config", str(config), "--report", str(report)]
    )
    assert done == 0
    shown = lumas(out)
    assert len(shown) == FRAMES
    assert all(is_white(in_door(luma)) for luma in shown.values())
    assert not any(is_white(on_poster(luma)) for luma in shown.values())
    told = json.loads(report.read_text())
    assert told["people_per_frame"] == [0] * FRAMES
    assert [zone["name"] for zone in told["settings"]["redaction"]["zones"]] == ["door", "poster"]


def test_masks_hold_them_and_give_the_very_same_output(
    video: Path, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_parser(monkeypatch, lambda _f, _p: [face(Box(60, 20, 48, 56))])
    direct, masks = tmp_path / "direct.mp4", tmp_path / "masks.jsonl"
    stream_anon.redact(video, direct, config=config, export_masks=masks)
    again, plain = tmp_path / "again.mp4", tmp_path / "plain.mp4"
    told = stream_anon.redact(video, again, config=config, masks=masks)
    assert HashedFile(again).sha256 == HashedFile(direct).sha256
    assert any("poster was not ignored" in note for note in told.notes)
    stream_anon.redact(
        video, plain, masks=masks, method="fill", settings={"redaction.color": "#ffffff"}
    )
    assert all(is_white(in_door(luma)) for luma in lumas(plain).values()), "also without settings"


def test_a_tracks_file_hides_what_it_says_and_the_zones(
    video: Path, config: Path, tmp_path: Path
) -> None:
    tracks = tmp_path / "tracks.json"
    boxes = [[n, *LEFT] for n in range(FRAMES)]
    entry = {"id": 0, "label": "face", "shape": "box", "boxes": boxes}
    known = {"width": SIZE[0], "height": SIZE[1], "frames": FRAMES, "tracks": [entry]}
    tracks.write_text(json.dumps(known))
    out = tmp_path / "out.mp4"
    stream_anon.redact(video, out, config=config, tracks=tracks)
    for luma in lumas(out).values():
        assert is_white(in_door(luma))
        assert is_white(on_poster(luma)), "the file says what to hide there"


def test_a_zone_in_exported_tracks_hides_what_it_hid_and_no_more(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_parser(monkeypatch, nobody)
    corners = [[0.1, 0.1], [0.9, 0.1], [0.1, 0.9]]
    chosen = {"redaction.zones": [{"name": "half", "points": corners, "method": "fill"}]}
    white = {"redaction.method": "fill", "redaction.color": "#ffffff", "redaction.edge": 0.03}
    first, again, tracks = tmp_path / "1.mp4", tmp_path / "2.mp4", tmp_path / "t.json"
    stream_anon.redact(video, first, settings={**chosen, **white}, export_tracks=tracks)
    stream_anon.redact(video, again, settings=white, tracks=tracks)
    height, width = SIZE[1], SIZE[0]
    outside = np.s_[3 * height // 4 :, 3 * width // 4 :]
    for index, raw in lumas(video).items():
        luma, luma_again = lumas(first)[index], lumas(again)[index]
        for shown in (luma, luma_again):
            assert is_white(shown[height // 5 : height // 4, width // 5 : width // 4])
            assert np.abs(shown[outside].astype(int) - raw[outside]).mean() < 12
        differ = np.abs(luma.astype(int) - luma_again) > 40  # boxes are rounded to 0.1 pixels
        assert differ.mean() < 0.01


def test_a_picture_in_memory_hides_them(monkeypatch: pytest.MonkeyPatch, config: Path) -> None:
    monkeypatch.setattr(picture, "load_engines", lambda *_: Engines([StubParser(nobody)]))
    try:
        redacted = stream_anon.redact_picture(np.full((96, 160, 3), 90, np.uint8), config=config)
    finally:
        stream_anon.close_pictures()
    assert (redacted[12:84, 100:140] > 240).all()
    assert (redacted[:, :80] < 120).all()


def test_a_bad_zone_is_one_line_and_leaves_nothing(
    video: Path, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text(CONFIG.replace("[0.5, 1]", "[0.5, 7]"))
    out = tmp_path / "out.mp4"
    assert cli.run(["redact", str(video), str(out), "--config", str(config)]) == 2
    said = capsys.readouterr().err.strip()
    assert "zone 2 (poster), corner 3: y is 7: write a share" in said
    assert len(said.splitlines()) == 1
    assert leftovers(tmp_path, video, config) == []
