"""`[detectors.NAME]`: networks of the user's own, and what is wrong with them in one line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
from skimage import data

import stream_anon
from stream_anon.config import load_settings
from stream_anon.core.parts import Box
from stream_anon.detectors import boxes
from stream_anon.detectors.base import DetectionPass, Loading
from stream_anon.detectors.boxes import fitting, on_canvas
from stream_anon.detectors.picture import working_picture
from stream_anon.detectors.scopes import choose, resolve_scope
from stream_anon.errors import ConfigError, ModelError, ParserError, ScopeError
from stream_anon.masking import horizon
from tests.families import ANSWERS, BOX, CLASS, FACES_ONLY, SCORE, SIDES
from tests.onnx_files import constant_network, metadata
from tests.stubs import face_of_astronaut, make_frame, make_info

if TYPE_CHECKING:
    from pathlib import Path

    from stream_anon.config import Settings
    from stream_anon.core.parts import Part

WIDTH, HEIGHT = 2 * SIDES[1], 2 * SIDES[0]
"""Of the frames: twice the network's input."""
YOLO = "yolov8"


@dataclass
class Own:
    """A network in a file, and the settings that name it."""

    folder: Path
    outputs: list[Any] = field(default_factory=ANSWERS[YOLO])
    sides: tuple[int, int] | None = SIDES
    channels: int = 3
    values: dict[str, Any] = field(default_factory=dict)

    def settings(self, **values: object) -> Settings:
        path = self.folder / "best.onnx"
        network = constant_network(self.outputs, self.sides, channels=self.channels)
        path.write_bytes(network)
        given = {"model": str(path), "format": YOLO, "labels": {CLASS: "badge"}}
        return load_settings(None, {"detectors.mine": given | self.values | values})

    def parts(self, look: DetectionPass, **values: object) -> list[Part]:
        settings = self.settings(**values)
        (row,) = choose("auto", "badge", settings.detectors)
        detector = row.load(Loading(settings, make_info(WIDTH, HEIGHT)))
        try:
            return detector.parse(make_frame(WIDTH, HEIGHT), look)
        finally:
            detector.close()


@pytest.fixture
def own(tmp_path: Path) -> Own:
    return Own(tmp_path)


@pytest.mark.parametrize("name", ANSWERS)
def test_every_format_finds_its_thing_in_frame_pixels(own: Own, name: str) -> None:
    own.outputs = ANSWERS[name]()
    number = 0 if name in FACES_ONLY else CLASS
    (part,) = own.parts(DetectionPass(384), format=name, labels={number: "badge"})
    assert part.label == "badge"
    assert part.score == pytest.approx(SCORE, abs=0.01)
    assert part.box.iou(Box(*(2 * value for value in BOX))) > 0.97


def test_a_region_is_put_on_the_same_canvas(own: Own) -> None:
    region = Box(100, 60, 160, 96)  # half of the input's sides
    (part,) = own.parts(DetectionPass(160, region, enlarge=2.0))
    x, y, width, height = BOX
    assert part.box.iou(Box(100 + x / 2, 60 + y / 2, width / 2, height / 2)) > 0.97


@pytest.mark.parametrize("turn", range(4))
@pytest.mark.parametrize("aspect", [1.0, 1.5])
def test_all_of_a_turned_picture_is_on_the_canvas(turn: int, aspect: float) -> None:
    frame = make_frame(WIDTH, HEIGHT)
    look = fitting(DetectionPass(384, turn=turn), frame, aspect, SIDES)
    picture = working_picture(frame, look, make_info(WIDTH, HEIGHT).color, aspect)
    assert picture.rows <= SIDES[0]
    assert picture.columns <= SIDES[1]
    assert picture.rows == SIDES[0] or picture.columns == SIDES[1], "as large as it can be"
    shown = on_canvas(picture, SIDES, (0.0, 0.0, 0.0)).rgb[..., : picture.rows, : picture.columns]
    assert np.array_equal(shown, picture.rgb[..., : picture.rows, : picture.columns])


def test_what_fills_up_shows_nothing(own: Own) -> None:
    tall = Box(0, 0, 60, HEIGHT)  # covers the left of the canvas only, where the thing is not
    assert own.parts(DetectionPass(160, tall)) == []


def test_other_classes_and_less_likely_things_are_left_out(own: Own) -> None:
    assert own.parts(DetectionPass(384), labels={0: "badge"}) == []
    assert own.parts(DetectionPass(384), threshold=SCORE + 0.1) == []


def test_the_users_own_comes_first_and_joins_the_others(own: Own) -> None:
    settings = own.settings(labels={CLASS: "plate"})
    chosen = choose("auto", "face,plate", settings.detectors)
    assert {row.name for row in chosen} == {"centerface", "mine"}
    assert resolve_scope("face,plate", chosen) == {"face", "plate"}
    assert [row.name for row in choose("mine", "plate", settings.detectors)] == ["mine"]


def test_faces_of_the_users_own_are_searched_for_by_the_built_in_network_too(own: Own) -> None:
    settings = own.settings(labels={CLASS: "face"})
    chosen = choose("auto", "face", settings.detectors)
    assert {row.name for row in chosen} == {"centerface", "mine"}
    assert {row.name for row in choose("mine", "face", settings.detectors)} == {"mine"}


def test_a_network_that_sees_nothing_but_one_grey_is_refused(own: Own) -> None:
    with pytest.raises(ConfigError, match="scale"):
        own.settings(scale=[0, 0, 0])


def test_without_the_section_its_label_is_unknown() -> None:
    with pytest.raises(ScopeError, match="unknown label 'badge'"):
        choose("auto", "badge")


def test_a_class_that_is_not_named_hides_none_that_is(own: Own) -> None:
    own.outputs[0][0, 4, 17] = 0.95
    (part,) = own.parts(DetectionPass(384))
    assert part.label == "badge"
    assert part.score == pytest.approx(SCORE, abs=0.01)


@pytest.mark.parametrize("score", [0.06, 0.15])
def test_what_is_above_the_threshold_is_believed(own: Own, score: float) -> None:
    own.outputs[0][0, 5, 17] = score
    (part,) = own.parts(DetectionPass(384), threshold=0.05)
    assert part.score == pytest.approx(horizon.DOUBTFUL + 0.8 * (score - 0.05) / 0.95, abs=1e-3)
    assert own.parts(DetectionPass(384), threshold=0.2) == []


def test_scores_are_never_lowered(own: Own) -> None:
    (part,) = own.parts(DetectionPass(384), threshold=SCORE - 0.01)
    assert part.score == pytest.approx(SCORE, abs=1e-3)


def test_the_masker_believes_what_the_detector_takes_for_believed() -> None:
    assert boxes.DOUBTFUL == horizon.DOUBTFUL


def pose() -> list[Any]:
    """What a network for poses answers: places in pixels behind its one class."""
    outputs = ANSWERS[YOLO]()
    outputs[0][0, 5] = 120.0
    return outputs


@pytest.mark.parametrize("label", ["moving", "background", "everything"])
def test_labels_with_a_meaning_of_their_own_are_refused(own: Own, label: str) -> None:
    settings = own.settings(labels={CLASS: label})
    with pytest.raises(ConfigError, match=f"detectors.mine.labels has the label {label}"):
        choose("auto", "face", settings.detectors)


def test_a_network_for_another_task_is_refused(own: Own) -> None:
    settings = own.settings()
    path = own.folder / "best.onnx"
    path.write_bytes(path.read_bytes() + metadata("task", "obb"))
    (row,) = choose("auto", "badge", settings.detectors)
    with pytest.raises(ModelError, match="was exported for the task obb"):
        row.load(Loading(settings, make_info(WIDTH, HEIGHT)))


def test_a_score_that_is_none_is_an_error(own: Own) -> None:
    settings = own.settings()
    (row,) = choose("auto", "badge", settings.detectors)
    detector = row.load(Loading(settings, make_info(WIDTH, HEIGHT)))
    detector._network.run = lambda _picture: pose()  # type: ignore[attr-defined]
    with pytest.raises(ParserError, match="mine answered with a score of 120"):
        detector.parse(make_frame(WIDTH, HEIGHT), DetectionPass(384))
    detector.close()


def rows(*shape: int) -> list[Any]:
    return [np.zeros(shape, np.float32)]


WRONG: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "another format": ({}, {"format": "yolox"}, "format is yolox.*did you mean yolov8"),
    "another output": ({"outputs": rows(1, 100, 6)}, {}, r"answers \(1, 100, 6\).*without its NMS"),
    "outlines": (
        {"outputs": [*ANSWERS[YOLO](), *rows(1, 32, 48, 80)]},
        {},
        "export a network for detection, which has no other outputs",
    ),
    "poses": ({"outputs": pose()}, {}, "answers 0 to 120 where yolov8 has scores of 0 to 1"),
    "no such class": ({}, {"labels": {7: "badge"}}, "names class 7.*classes 0 to 1"),
    "another size": ({}, {"size": 640}, "size is 640, but .* takes pictures of 320x192"),
    "grey": ({"channels": 1}, {}, "it must take one picture"),
    "no file": ({}, {"model": "/nowhere/best.onnx"}, "cannot read /nowhere/best.onnx of detectors"),
    "no network": ({}, {"model": __file__}, "it must be an ONNX file"),
}


@pytest.mark.parametrize(("how", "values", "said"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_before_the_first_frame(
    own: Own, how: dict[str, Any], values: dict[str, Any], said: str
) -> None:
    for name, value in how.items():
        setattr(own, name, value)
    settings = own.settings(**values)
    (row,) = choose("auto", "badge", settings.detectors)
    with pytest.raises((ModelError, ConfigError), match=said) as caught:
        row.load(Loading(settings, make_info(WIDTH, HEIGHT)))
    assert "\n" not in str(caught.value)
    assert "detectors.mine" in str(caught.value)


BAD = {
    "a format": ({"format": "yolo"}, "detectors.mine.format"),
    "a key": ({"treshold": 0.5}, "did you mean detectors.mine.threshold"),
    "no labels": ({"labels": {}}, "detectors.mine.labels"),
    "a label": ({"labels": {0: "Two Words"}}, "detectors.mine.labels.0"),
    "a size": ({"size": 100}, "detectors.mine.size"),
}


@pytest.mark.parametrize(("values", "said"), BAD.values(), ids=BAD)
def test_settings_that_make_no_sense_are_refused(
    own: Own, values: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        own.settings(**values)


def test_a_known_name_is_refused(own: Own) -> None:
    mine = own.settings().detectors["mine"]
    for name in ("centerface", "auto"):
        with pytest.raises(ConfigError, match=rf"detectors\.{name} has the name of a known"):
            choose("auto", "face", {name: mine})


def test_a_picture_is_redacted_with_faces_and_a_rule(own: Own, tmp_path: Path) -> None:
    own.settings()  # writes the network
    config = tmp_path / "mine.toml"
    config.write_text(
        f"""
        [detectors.mine]
        model = "{tmp_path / "best.onnx"}"
        format = "{YOLO}"
        labels = {{ {CLASS} = "badge" }}
        [parsing]
        effort = "fast"
        [redaction]
        scope = ["face", "badge"]
        rules = {{ badge = {{ method = "fill", color = "#ff0000" }} }}
        """
    )
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    portrait = np.asarray(cast(Any, data.astronaut)())
    picture[-256:, -256:] = portrait[:256, 100:356]  # beside the thing
    redacted = stream_anon.redact_picture(picture, config=str(config))
    x, y, width, height = (round(2 * value) for value in BOX)
    shown = redacted[y : y + height, x : x + width].astype(int)
    assert (shown[..., 0] > 180).all(), "filled with the rule's red"
    assert (shown[..., 1] < 60).all()
    left, top, wide, high = (round(value) for value in face_of_astronaut())
    left, top = left + WIDTH - 356, top + HEIGHT - 256
    at = np.s_[top : top + high, left : left + wide]
    assert np.abs(redacted[at].astype(int) - picture[at]).mean() > 10, "the face is blurred"
