"""`moving` and `background` in whole runs: recordings, excerpts, records of masks, tracks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

import stream_anon
from stream_anon.core.files import HashedFile
from stream_anon.errors import ConfigError
from tests.faults import use_parser
from tests.runs import leftovers, lumas
from tests.scenes import AFTER, LEARN, RATE, place_of, room, somebody, written
from tests.stubs import nobody

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

WALK = list(range(60, 260, 10))
WHITE = 235


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return written(tmp_path / "in.mp4", [*[room()] * AFTER, *(somebody(room(), x) for x in WALK)])


@pytest.fixture(autouse=True)
def _sees_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    use_parser(monkeypatch, nobody)


def redact(source: Path, output: Path, scope: str = "moving", **more: Any) -> Any:
    values = {"background.learn": LEARN, "redaction.color": "#ffffff", "redaction.edge": 0.01}
    settings = {**values, **more.pop("settings", {})}
    return stream_anon.redact(source, output, scope=scope, method="fill", settings=settings, **more)


def body(luma: NDArray[np.uint8], x: int) -> NDArray[np.uint8]:
    box = place_of(x)[0]
    return luma[int(box.y) + 3 : int(box.y + box.height) - 3, x - 12 : x + 12]


def test_a_recording_hides_who_moves_and_shows_the_room(video: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    told = redact(video, out)
    assert told.hidden_whole == {"the scene is not known yet": RATE}
    shown = lumas(out)
    assert all((body(shown[AFTER + n], x) > 225).all() for n, x in enumerate(WALK))
    assert np.median(np.abs(shown[RATE].astype(int) - lumas(video)[RATE])) < 2


def test_its_background_hides_the_room_and_shows_who_moves(video: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    redact(video, out, "background")
    shown = lumas(out)
    for n, x in enumerate(WALK):
        assert (body(shown[AFTER + n], x) < 70).mean() > 0.95
        assert (shown[AFTER + n][:40] > 225).all()


def test_a_record_of_its_masks_gives_the_very_same_output(video: Path, tmp_path: Path) -> None:
    direct, again, masks = (tmp_path / name for name in ("direct.mp4", "again.mp4", "masks.jsonl"))
    redact(video, direct, export_masks=masks)
    redact(video, again, masks=masks)
    assert HashedFile(again).sha256 == HashedFile(direct).sha256


def test_its_tracks_are_boxes_that_hide_more(video: Path, tmp_path: Path) -> None:
    direct, again, tracks = (tmp_path / name for name in ("direct.mp4", "again.mp4", "tracks.json"))
    redact(video, direct, export_tracks=tracks)
    told = json.loads(tracks.read_text())
    assert {track["label"] for track in told["tracks"]} == {"moving"}
    assert list(told["hidden_whole"]) == [str(n) for n in range(RATE)]
    redact(video, again, tracks=tracks)
    shown = lumas(again)
    assert all((body(shown[AFTER + n], x) > 225).all() for n, x in enumerate(WALK))


def test_tracks_of_the_background_are_refused(video: Path, tmp_path: Path) -> None:
    known = video, tmp_path / "in.mp4"
    with pytest.raises(ConfigError, match=r"background .* masks instead"):
        redact(video, tmp_path / "out.mp4", "background", export_tracks=tmp_path / "t.json")
    assert leftovers(tmp_path, *known) == []


def test_an_excerpt_knows_the_scene_from_what_was_before(video: Path, tmp_path: Path) -> None:
    out, begin = tmp_path / "out.mp4", AFTER + 4
    told = redact(video, out, begin=begin / RATE, trim=True)
    assert not told.hidden_whole
    shown = lumas(out)
    assert all((body(shown[n], x) > 225).all() for n, x in enumerate(WALK[4:]))


def test_a_rule_says_how_it_is_hidden(video: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    rules = {"moving": {"method": "fill", "color": "#000000"}}
    redact(video, out, settings={"redaction.rules": rules})
    shown = lumas(out)
    assert all((body(shown[AFTER + n], x) < 25).all() for n, x in enumerate(WALK))


def test_a_photo_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"moving .* single picture: choose another"):
        stream_anon.redact_picture(np.zeros((64, 64, 3), np.uint8), scope="moving")
    assert leftovers(tmp_path) == []
