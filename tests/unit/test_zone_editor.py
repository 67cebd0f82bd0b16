"""Drawing zones: what clicks and keys do, without a window and in a real one."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import TYPE_CHECKING

import numpy as np
import pytest

from stream_anon.cli import main as cli
from stream_anon.config import Redaction, Zone
from stream_anon.sinks.window.zone_editor import ZoneEditor, edit
from tests.media import write
from tests.requirements import require_live
from tests.screen import PROGRAMS, Screen, open_screen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

SQUARE = [(0.1, 0.1), (0.5, 0.1), (0.5, 0.6), (0.1, 0.6)]
STILL = np.full((200, 320, 3), 120, np.uint8)
PATIENCE = 30.0


def drawn(*keys: str, corners: list[tuple[float, float]] = SQUARE) -> ZoneEditor:
    editor = ZoneEditor()
    for corner in corners:
        editor.click(*corner)
    for key in keys:
        editor.press(key)
    return editor


def read(text: str) -> list[Zone]:
    return Redaction.model_validate(tomllib.loads(text)["redaction"]).zones


class TestTheEditor:
    def test_clicks_and_enter_make_a_zone(self) -> None:
        (zone,) = read(drawn("close").toml)
        assert (zone.name, zone.mode, zone.points) == ("zone-1", "hide", SQUARE)

    def test_keys_choose_what_it_is_for(self) -> None:
        assert read(drawn("ignore", "close").toml)[0].mode == "ignore"
        assert read(drawn("ignore", "hide", "close").toml)[0].mode == "hide"

    def test_each_has_a_name_of_its_own(self) -> None:
        known = Zone.model_validate({"name": "zone-2", "points": SQUARE})
        editor = ZoneEditor([known])
        for _ in range(2):
            for corner in SQUARE:
                editor.click(*corner)
            editor.press("close")
        assert [zone.name for zone in read(editor.toml)] == ["zone-2", "zone-1", "zone-3"]

    def test_undo_takes_a_corner_back_or_opens_the_last_zone_again(self) -> None:
        editor = drawn("undo", corners=[*SQUARE, (0.9, 0.9)])
        assert editor.corners == SQUARE
        editor.press("ignore")
        editor.press("close")
        editor.press("hide")
        editor.press("undo")
        assert (editor.zones, editor.corners, editor.mode) == ([], SQUARE, "ignore")
        for _ in range(9):
            editor.press("undo")
        assert (editor.zones, editor.corners) == ([], [])

    def test_a_zone_that_is_opened_again_keeps_its_name_and_method(self) -> None:
        known = Zone.model_validate({"name": 'a "door"', "points": SQUARE, "method": "fill"})
        editor = ZoneEditor([known])
        editor.press("undo")
        editor.press("close")
        assert read(editor.toml) == [known]

    @pytest.mark.parametrize(
        ("corners", "said"),
        [
            (SQUARE[:2], "three corners"),
            ([(0, 0), (1, 1), (1, 0), (0, 1)], "crosses itself"),
            ([(0, 0), (0.5, 0.5), (1, 1)], "enclose nothing"),
        ],
    )
    def test_what_is_no_polygon_stays_open_and_is_said(
        self, corners: list[tuple[float, float]], said: str
    ) -> None:
        editor = drawn("close", corners=corners)
        assert said in editor.said
        assert (editor.zones, editor.corners) == ([], corners)

    def test_corners_stay_in_the_picture_and_a_double_click_is_one(self) -> None:
        corners = [(-0.2, 0.5), (-0.2, 0.5), (1.7, 2.0)]
        assert drawn(corners=corners).corners == [(0.0, 0.5), (1.0, 1.0)]

    def test_everything_is_to_be_seen(self) -> None:
        empty, open_one, closed = (
            editor.drawn_on(STILL) for editor in (ZoneEditor(), drawn(), drawn("close"))
        )
        assert empty.shape == (252, 320, 3)
        assert (empty[:200] == STILL).all()
        assert (STILL == 120).all()
        assert (open_one[:200] != STILL).any()
        assert (closed[60, 100] != open_one[60, 100]).any(), "closed ones are tinted"


@dataclass
class StubCanvas:
    """In place of a window: plays steps, each of them keys and clicks."""

    steps: list[tuple[list[str], list[tuple[int, int]]]]
    shown: list[NDArray[np.uint8]] = field(default_factory=list)
    clicks: list[tuple[int, int]] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        return bool(self.steps)

    def show(self, picture: NDArray[np.uint8]) -> None:
        self.shown.append(picture)

    def pressed(self) -> list[str]:
        keys, self.clicks = self.steps.pop(0)
        return keys

    def clicked(self) -> list[tuple[int, int]]:
        return self.clicks


class TestEditing:
    def test_it_goes_on_until_somebody_quits(self) -> None:
        saved: list[str] = []
        canvas = StubCanvas(
            [
                ([], [(32, 20), (160, 20), (160, 120)]),
                ([], []),
                ([], [(32, 230)]),
                (["close", "save"], []),
                (["quit"], []),
                (["save"], []),
            ]
        )
        edit(ZoneEditor(), STILL, canvas, saved.append, lambda: None)
        (text,) = saved
        assert read(text)[0].points == [(0.1, 0.1), (0.5, 0.1), (0.5, 0.6)], "not on the bar"
        assert len(canvas.steps) == 1
        assert len(canvas.shown) == 4, "only where something happened"

    def test_closing_the_window_ends_it(self) -> None:
        edit(ZoneEditor(), STILL, StubCanvas([([], [])]), lambda _text: None, lambda: None)


# -- the command ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def screen() -> Iterator[Screen]:
    require_live(*PROGRAMS)
    with open_screen() as opened:
        yield opened


@pytest.mark.slow
@pytest.mark.realtime
def test_zones_are_drawn_by_mouse_in_a_real_window(screen: Screen, tmp_path: Path) -> None:
    video, zones = write(tmp_path / "in.mp4", size=(640, 360), frames=3), tmp_path / "z.toml"
    command = [sys.executable, "-m", "stream_anon", "zones", str(video), "--write", str(zones)]
    env = os.environ | {"DISPLAY": screen.name}
    with subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as drawing:
        try:
            window = screen.find("stream-anon zones")
            for x, y in ((64, 36), (320, 36), (320, 180)):
                screen.click(window, x, y)
                sleep(0.3)  # a second click at once would be a double one
            for key in ("i", "Return", "s"):  # OpenCV tells only the last of those pressed at once
                screen.press(window, key)
                sleep(0.3)
            deadline = monotonic() + PATIENCE
            while not zones.exists() and monotonic() < deadline:
                sleep(0.05)
            screen.press(window, "q")
            out, err = drawing.communicate(timeout=PATIENCE)
        finally:
            drawing.kill()
    assert drawing.returncode == 0, err
    (zone,) = read(zones.read_text())
    assert zone.mode == "ignore"
    corners = np.array(zone.points)
    assert corners == pytest.approx(np.array([(0.1, 0.1), (0.5, 0.1), (0.5, 0.5)]), abs=0.01)
    assert out.endswith(": 1 zone\n")
    assert "the still in the window is raw" in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "z.toml"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["gone.mp4"], 3, "gone.mp4"),
        (["in.mp4", "--at", "99"], 3, "no intact picture from 99 s on"),
        (["in.mp4", "--at", "soon"], 2, "soon"),
        (["in.mp4", "--write", "taken.toml"], 4, "exists already"),
        (["in.mp4", "--write", "gone/z.toml"], 4, "does not exist"),
        (["in.mp4", "--config", "gone.toml"], 2, "cannot read the configuration"),
        (["telnet://x"], 2, "not a supported source"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    said: str,
) -> None:
    monkeypatch.setattr("stream_anon.sinks.window.window.check_display", lambda: None)
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "in.mp4", size=(64, 48), frames=3)
    (tmp_path / "taken.toml").write_text("mine")
    assert cli.run(["zones", *arguments]) == code
    told = [line for line in capsys.readouterr().err.splitlines() if "note:" not in line]
    assert len(told) == 1
    assert said in told[0]
    assert (tmp_path / "taken.toml").read_text() == "mine"


@pytest.mark.slow
def test_without_a_display_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    video = write(tmp_path / "in.mp4", size=(64, 48), frames=1)
    assert cli.run(["zones", str(video)]) == 4
    assert "there is no display" in capsys.readouterr().err
