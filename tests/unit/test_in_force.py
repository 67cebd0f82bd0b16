"""What settings hide is told without a run, and is what a run hides."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from stream_anon.cli.main import run
from stream_anon.config import load_settings
from stream_anon.detectors.labels import SCENE_LABELS
from stream_anon.errors import ConfigError, ScopeError
from stream_anon.pipeline.in_force import in_force

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = """
[redaction]
scope = "face"
method = "pixelate"
rules = { face = "fill" }
[[redaction.zones]]
name = "till"
points = [[0.1, 0.1], [0.3, 0.1], [0.3, 0.3]]
[[redaction.zones]]
name = "poster"
mode = "ignore"
points = [[0.5, 0.1], [0.7, 0.1], [0.7, 0.3]]
[output]
audio = "disguise, mute 3-4"
keep_metadata = ["date"]
[live]
mode = "debug"
"""


def test_the_default_hides_faces_with_what_reads_nothing() -> None:
    found = in_force(load_settings())
    assert [(one.label, one.method) for one in found.hidden] == [("face", "blur")]
    assert found.hidden[0].detectors == ("centerface",)
    assert "reads nothing" in found.hidden[0].promise
    assert "head" in found.clear
    assert "human" in found.unseen
    assert (found.sound, found.live_sound, found.sealed) == ("drop", "drop", False)


def test_rules_zones_and_what_is_kept_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "shop.toml"
    config.write_text(SETTINGS)
    assert run(["labels", "--config", str(config)]) == 0
    said = capsys.readouterr().out
    assert "face  fill: reads nothing" in said
    assert "till  always hidden: pixelate: reads what it hides" in said
    assert "poster  ignored" in said
    assert "disguise, mute 3-4; of live runs drop" in said
    assert "kept     date" in said
    assert "debug    live previews may show raw pictures" in said


@pytest.mark.parametrize(
    ("scope", "shown"),
    [("moving", ("background",)), ("background", ("moving",)), ("everything", ()), ("face", ())],
)
def test_of_what_moves_and_the_background_one_is_hidden_and_the_other_shown(
    scope: str, shown: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    found = in_force(load_settings(None, {"redaction.scope": scope}))
    assert found.shown == shown
    assert SCENE_LABELS.isdisjoint({*found.clear, *found.unseen})
    assert run(["labels", "--scope", scope]) == 0
    said = capsys.readouterr().out.splitlines()
    told = [line.split()[1].rstrip(":") for line in said if line.startswith("shown")]
    assert told == list(shown)


def test_where_both_are_hidden_neither_is_shown() -> None:
    assert in_force(load_settings(None, {"redaction.scope": "moving,background"})).shown == ()


def test_a_method_that_reads_is_told_with_its_figure(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["labels", "--method", "gaussian", "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)["hidden"]
    assert one["method"] == "gaussian"
    assert "91 of 100" in one["promise"]


def test_a_seal_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    config = tmp_path / "sealed.toml"
    config.write_text('[output]\nseal = "team.txt"\n')
    assert run(["labels", "--config", str(config)]) == 0
    assert "not anonymous" in capsys.readouterr().out


@pytest.mark.parametrize("scope", ["faces", ""])
def test_what_a_run_refuses_is_refused(scope: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["labels", "--scope", scope]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    with pytest.raises(ScopeError):
        in_force(load_settings(None, {"redaction.scope": scope}))


def test_captions_that_nothing_writes_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match="only fill and silhouette write one"):
        in_force(load_settings(None, {"redaction.caption": "number"}))
    by_rule = {"redaction.caption": "number", "redaction.rules": {"face": "fill"}}
    assert in_force(load_settings(None, by_rule)).hidden[0].method == "fill"
    assert run(["labels", "--method", ""]) == 2
    assert "known methods are" in capsys.readouterr().err
