"""Edits of a record of masks, each proven on the decoded output: what they show and what not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

import stream_anon
from stream_anon.cli import main as cli
from stream_anon.core.parts import Box
from stream_anon.errors import ConfigError
from tests.faults import use_parser
from tests.media import Tone, sound, write
from tests.runs import leftovers, lumas
from tests.stubs import face

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from stream_anon.core.frame import Frame
    from stream_anon.core.parts import Part
    from stream_anon.pipeline.report import Summary

SIZE = (320, 180)
FRAMES = 24
LEFT, RIGHT, NOBODY = Box(40, 40, 40, 48), Box(200, 40, 40, 48), Box(120, 110, 40, 40)
EVERY = range(FRAMES)


def both(_frame: Frame, _pass: object) -> list[Part]:
    return [face(LEFT), face(RIGHT, person=1)]


@pytest.fixture(scope="module")
def noise() -> NDArray[np.uint8]:
    rng = np.random.default_rng(1)
    picture = rng.integers(60, 200, (SIZE[1], SIZE[0], 3)).astype(np.uint8)
    return np.asarray(cv2.GaussianBlur(picture, (5, 5), 0), np.uint8)


@pytest.fixture(scope="module")
def recorded(noise: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a video of two people, as a stub sees them, and its record of masks."""
    folder = tmp_path_factory.mktemp("recorded")
    write(
        folder / "in.mp4", size=SIZE, frames=FRAMES, pictures=[noise] * FRAMES,
        options={"crf": "10"}, tones=[Tone()],
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        use_parser(patch, both)
        stream_anon.redact(folder / "in.mp4", None, export_masks=folder / "masks.jsonl")
    return folder


@pytest.fixture(scope="module")
def before(recorded: Path) -> dict[int, NDArray[np.uint8]]:
    return lumas(recorded / "in.mp4")


class Rendered:
    """A video rendered from edited masks."""

    def __init__(self, folder: Path, before: dict[int, NDArray[np.uint8]]) -> None:
        self._folder, self._before = folder, before
        self.out = folder.parent / "out.mp4"
        self.report = folder.parent / "report.json"
        self.summary: Summary | None = None

    def render(self, *edits: dict[str, Any], **options: Any) -> None:
        file = self.out.with_name("edits.json")
        file.write_text(json.dumps({"stream_anon_edits": 1, "edits": edits}))
        self.summary = stream_anon.redact(
            self._folder / "in.mp4", self.out, masks=self._folder / "masks.jsonl", edits=file,
            method="fill", overwrite=True, report=self.report, **options,
        )  # fmt: skip
        self._after = lumas(self.out)

    def hidden(self, box: Box) -> list[int]:
        """Frames in which nothing is left of a box; in all others it is all there."""
        found = []
        for index in self._after:
            share = self.left(box, index)
            assert share < 0.2 or share > 0.6, (index, share)
            if share < 0.2:
                found.append(index)
        return found

    def left(self, box: Box, index: int) -> float:
        """Share of the detail in a box that is left in a frame."""
        return _detail(self._after[index], box) / _detail(self._before[index], box)


def _detail(picture: NDArray[np.uint8], box: Box) -> float:
    x, y, width, height = (round(v) for v in box.grown(-8, -8))
    return float(picture[y : y + height, x : x + width].std())


@pytest.fixture
def video(recorded: Path, before: dict[int, NDArray[np.uint8]], tmp_path: Path) -> Rendered:
    folder = tmp_path / "given"
    folder.symlink_to(recorded)
    return Rendered(folder, before)


def number_of(video: Rendered, box: Box) -> int:
    """The track that begins at a place."""
    for line in (video._folder / "masks.jsonl").read_text().splitlines():
        for part in json.loads(line).get("parts", ()):
            if Box(*part[3:7]).iou(box) > 0.3:
                return int(part[1])
    raise AssertionError("nobody there")


def at(frame: int, box: Box) -> dict[str, object]:
    return {"frame": frame, "box": list(box)}


class TestWhatIsSeen:
    def test_without_edits_everybody_is_hidden(self, video: Rendered) -> None:
        video.render()
        assert video.hidden(LEFT) == video.hidden(RIGHT) == list(EVERY)
        assert video.hidden(NOBODY) == []

    def test_a_kept_person_is_visible_exactly_where_kept(self, video: Rendered) -> None:
        left = number_of(video, LEFT)
        video.render({"kind": "keep", "track": left, "from": 5, "to": 12, "reason": "consent"})
        assert video.hidden(LEFT) == [n for n in EVERY if not 5 <= n <= 12]
        assert video.hidden(RIGHT) == list(EVERY)
        listed = json.loads(video.report.read_text())["edits"]["list"]
        assert listed == [{"kind": "keep", "track": left, "from": 5, "to": 12, "reason": "consent"}]

    def test_hide_takes_back_what_keep_gave(self, video: Rendered) -> None:
        left = number_of(video, LEFT)
        keep = {"kind": "keep", "track": left}
        hide = {"kind": "hide", "track": left, "from": 8, "to": 9}
        video.render(keep, hide)
        assert video.hidden(LEFT) == [8, 9]
        video.render(hide, keep)
        assert video.hidden(LEFT) == []

    def test_who_is_deleted_is_not_hidden(self, video: Rendered) -> None:
        video.render({"kind": "delete", "track": number_of(video, RIGHT), "from": 20})
        assert video.hidden(RIGHT) == list(range(20))

    def test_an_added_box_is_hidden_in_all_frames_between_its_keys(self, video: Rendered) -> None:
        video.render(
            {"kind": "box", "keys": [at(4, NOBODY), at(14, NOBODY.moved(50, 0))]}
        )  # fmt: skip
        for index in range(4, 15):
            inside = NOBODY.moved(5 * (index - 4), 0)
            assert video.left(inside, index) < 0.2, index
        assert video.left(NOBODY, 3) > 0.6
        assert video.left(NOBODY.moved(50, 0), 15) > 0.6
        assert video.hidden(LEFT) == list(EVERY)

    def test_a_moved_box_hides_there_and_not_here(self, video: Rendered) -> None:
        left = number_of(video, LEFT)
        keys = [at(6, NOBODY), at(10, NOBODY)]
        video.render({"kind": "box", "track": left, "keys": keys})
        assert video.hidden(LEFT) == [n for n in EVERY if not 6 <= n <= 10]
        assert video.hidden(NOBODY) == list(range(6, 11))

    def test_a_zone_is_hidden_for_its_range(self, video: Rendered) -> None:
        points = [[0.3, 0.55], [0.6, 0.55], [0.6, 0.95], [0.3, 0.95]]
        video.render({"kind": "zone", "points": points, "from": 3, "to": 7})
        assert video.hidden(NOBODY) == list(range(3, 8))

    def test_who_is_kept_stays_hidden_beside_somebody_hidden(self, video: Rendered) -> None:
        """A box that somebody drew is somebody, too."""
        left = number_of(video, LEFT)
        video.render(
            {"kind": "box", "from": 10, "to": 10, "keys": [at(10, LEFT.moved(4, 4))]},
            {"kind": "keep", "track": left},
        )
        assert set(range(7, 14)) <= set(video.hidden(LEFT))
        assert video.hidden(LEFT)[0] == 7
        assert video.summary is not None
        assert any("review: person" in note for note in video.summary.notes)

    def test_a_new_keep_vouches_for_its_first_frame(self, video: Rendered) -> None:
        left = number_of(video, LEFT)
        video.render(
            {"kind": "box", "from": 5, "to": 5, "keys": [at(5, LEFT)]},
            {"kind": "keep", "track": left, "to": 11},
            {"kind": "keep", "track": left, "from": 12},
        )
        assert set(range(2, 9)) <= set(video.hidden(LEFT))
        assert not set(range(12, FRAMES)) & set(video.hidden(LEFT))


def test_a_mute_is_silent_and_the_rest_is_not(video: Rendered) -> None:
    video.render({"kind": "mute", "from": 10, "to": 14}, audio="copy")
    _, rate, samples = sound(video.out)
    assert np.abs(samples[:, round(0.4 * rate) : round(0.6 * rate)]).max() < 1e-3
    assert np.abs(samples[:, : round(0.35 * rate)]).max() > 0.03
    assert np.abs(samples[:, round(0.65 * rate) : round(0.9 * rate)]).max() > 0.03


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"kind": "keep", "track": 99}, "edit 1 (keep): there is no track 99"),
    ({"kind": "keep"}, "edit 1: keep needs track"),
    ({"kind": "hide", "track": 0, "from": 3, "to": 24}, "frames 3 to 24 are not all there"),
    ({"kind": "box", "from": 3}, "box needs keys"),
    ({"kind": "box", "keys": [at(0, Box(400, 0, 9, 9))]}, "outside of the picture"),
    ({"kind": "box", "keys": [{"frame": 0, "box": [0, 0, -5, 5]}]}, "write a number above 0"),
    ({"kind": "box", "keys": [at(4, LEFT)], "from": 5, "to": 9}, "its key at frame 4 is outside"),
    ({"kind": "box", "keys": [at(4, LEFT), at(3, LEFT)]}, "order of their frames"),
    ({"kind": "zone", "points": [[0, 0], [1, 0]]}, "enclose nothing"),
    ({"kind": "mute", "track": 0}, "mute has no track"),
    ({"kind": "mute", "from": 9, "to": 3}, "which is later"),
    ({"kind": "show"}, "kind is"),
    ({"kind": "mute", "sound": True}, "no such key"),
]


@pytest.mark.parametrize(("edit", "words"), REFUSED)
def test_an_edit_that_cannot_do_what_it_says_is_refused(
    video: Rendered, tmp_path: Path, edit: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError) as error:
        video.render(edit)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert leftovers(tmp_path) == ["edits.json", "given"]


def test_the_command_takes_edits(video: Rendered, tmp_path: Path) -> None:
    video.render()
    given = str(video._folder / "in.mp4")
    masks, edits = str(video._folder / "masks.jsonl"), str(tmp_path / "edits.json")
    out = str(tmp_path / "other.mp4")
    assert cli.run(["redact", given, out, "--edits", edits]) == 2
    both = ["--masks", masks, "--edits", edits]
    assert cli.run(["redact", given, out, *both, "--audit"]) == 2
    assert cli.run(["redact", given, out, *both]) == 0
