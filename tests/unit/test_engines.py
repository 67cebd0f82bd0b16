"""Which engine runs, what it sees, and what it is calibrated on."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stream_anon.config import load_settings
from stream_anon.detectors.labels import CENTERFACE_LABELS, CIHP_LABELS
from stream_anon.detectors.m2fp import convert as converting
from stream_anon.detectors.m2fp import store
from stream_anon.detectors.picture import working_picture
from stream_anon.detectors.scopes import choose, seen_by
from stream_anon.errors import ConfigError, ModelError, ScopeError, SourceError
from stream_anon.pipeline import calibration
from stream_anon.pipeline.engines import load_engines
from tests.stubs import make_info

if TYPE_CHECKING:
    from stream_anon.core.frame import Frame
    from stream_anon.detectors.picture import WorkingPicture
    from stream_anon.detectors.registry import Row

pytestmark = pytest.mark.slow

PARSED = frozenset(CIHP_LABELS.values())


def names(rows: tuple[Row, ...]) -> list[str]:
    return [row.name for row in rows]


def settings_for(engine: str, **more: object) -> Any:
    return load_settings(None, {"parsing.engine": engine, **more})


@pytest.mark.parametrize("scope", ["face", "head", "eyes,mouth", ["face", "head"]])
def test_auto_takes_the_fast_detector_where_it_is_enough(
    tiny_m2fp: Path, scope: str | list[str]
) -> None:
    assert names(choose("auto", scope)) == ["centerface"], "whatever else is installed"


@pytest.mark.parametrize("scope", ["person", "hair", "skin,eyes", ["face", "clothes"]])
def test_auto_takes_the_slow_one_where_nothing_else_sees_it(
    tiny_m2fp: Path, scope: str | list[str]
) -> None:
    assert names(choose("auto", scope)) == ["m2fp", "centerface"]


@pytest.mark.parametrize("engine", ["m2fp", "auto", "centerface, M2FP"])
def test_m2fp_without_weights_is_an_error_that_says_how_to_get_them(engine: str) -> None:
    with pytest.raises(ModelError, match=r"models fetch m2fp.*models import m2fp"):
        choose(engine, "person")


def test_an_unknown_detector_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"'centreface'.*did you mean centerface\?"):
        choose("centreface", "face")


def test_what_nobody_sees_is_an_error_with_auto_too() -> None:
    with pytest.raises(ScopeError, match=r"'fase'.*did you mean face\?"):
        choose("auto", "fase")


def test_m2fp_has_centerface_beside_it(tiny_m2fp: Path) -> None:
    assert seen_by(choose("centerface", "face")) == CENTERFACE_LABELS
    assert seen_by(choose("m2fp", "face")) == CENTERFACE_LABELS | PARSED


def test_loaded_engines_tell_who_they_are(tiny_m2fp: Path) -> None:
    loaded = load_engines(choose("m2fp", "face"), settings_for("m2fp"), make_info(), Path("unused"))
    assert loaded.name == "m2fp+centerface"
    hashes = loaded.model_hash.split("+")
    assert [len(each) for each in hashes] == [64, 64]
    assert loaded.labels == CENTERFACE_LABELS | PARSED
    assert loaded.notes == []
    for parser in loaded.all:
        parser.close()


def test_int8_is_calibrated_on_the_stream_and_says_so(
    tiny_m2fp: Path, networks_copy: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(converting, "MIN_AGREEMENT", 0.5)  # made-up weights bear no noise
    wanted = settings_for("m2fp", **{"m2fp.precision": "int8", "m2fp.short_side": 64})
    loaded = load_engines(choose("m2fp", "face"), wanted, make_info(), clip)
    assert "calibrated on the first frames of clip.mp4" in loaded.notes[0]
    assert "% of what fp32 sees" in loaded.notes[0]
    again = load_engines(choose("m2fp", "face"), wanted, make_info(), clip)
    assert again.notes == []
    assert again.model_hash == loaded.model_hash
    for parser in [*loaded.all, *again.all]:
        parser.close()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"single_human": True}, "one cut-out person"),
        ({"parsing_on": False}, "one cut-out person"),
        ({"classes": ["Background", "Face"]}, "does not name its classes"),
        ({"classes": None}, "does not name its classes"),
    ],
)
def test_a_model_that_parses_something_else_is_refused(
    tiny_m2fp: Path, tmp_path: Path, changes: dict[str, object], why: str
) -> None:
    from stream_anon.detectors.m2fp.configuration import read_configuration
    from stream_anon.detectors.m2fp.parser import class_labels

    model = read_configuration(store.model_dir()).model_copy(update=changes)
    with pytest.raises(ModelError, match=why):
        class_labels(model)


class TestCalibrationPictures:
    @pytest.fixture
    def taken(self, monkeypatch: pytest.MonkeyPatch) -> list[int]:
        """Indices of the frames that were taken, in order."""
        indices: list[int] = []
        show = working_picture

        def note(frame: Frame, *more: Any) -> WorkingPicture:
            shown = show(frame, *more)
            shown.rgb[...] = frame.index
            return shown

        monkeypatch.setattr(calibration, "working_picture", note)
        return indices

    def test_they_are_a_few_spread_over_the_file(self, clip: Path, taken: list[int]) -> None:
        pictures = calibration.calibration_pictures(clip, 64)
        taken += [int(shown.max()) for shown in pictures]
        assert 3 <= len(taken) <= calibration.CALIBRATED_ON
        assert taken[0] == 0
        assert taken[-1] >= 12, "of 24 frames"
        assert len({b - a for a, b in pairwise(taken)}) == 1
        assert {shown.shape for shown in pictures} == {(1, 3, 64, 128)}

    def test_or_over_its_beginning(self, clip: Path, taken: list[int]) -> None:
        pictures = calibration.calibration_pictures(clip, 64, seconds=0.25)
        taken += [int(shown.max()) for shown in pictures]
        assert taken[0] == 0
        assert 3 <= taken[-1] <= 6

    def test_a_file_that_is_no_video_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "text.mp4").write_text("no video")
        with pytest.raises(SourceError):
            calibration.calibration_pictures(tmp_path / "text.mp4", 64)
