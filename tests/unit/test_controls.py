"""What keys and reloads can change in a live run, and what they cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stream_anon.config import Redaction
from stream_anon.detectors.labels import CENTERFACE_LABELS, PARSED_LABELS
from stream_anon.detectors.registry import BUILT_IN
from stream_anon.errors import ConfigError, ScopeError
from stream_anon.pipeline.live.controls import Controls
from stream_anon.redaction.registry import method_names
from tests.stubs import stub_row
from tests.toy_people import use_toy_people

if TYPE_CHECKING:
    from pathlib import Path


def controls(*, debug: bool = False, labels: frozenset[str] = CENTERFACE_LABELS) -> Controls:
    return Controls(Redaction(), [stub_row(labels)], debug=debug)


def test_methods_come_around() -> None:
    keys = controls()
    seen = [keys.choice.redaction.method]
    for _ in method_names():
        keys.press("m")
        seen.append(keys.choice.redaction.method)
    assert seen == [*method_names(), "blur"]


def test_scopes_that_the_engine_cannot_see_are_left_out() -> None:
    keys = controls()
    keys.press("s")
    assert (keys.choice.redaction.scope, set(keys.choice.hidden)) == ("head", {"head"})
    keys.press("s")
    assert (keys.choice.redaction.scope, set(keys.choice.hidden)) == ("face", {"face"})
    more = controls(labels=CENTERFACE_LABELS | PARSED_LABELS)
    more.press("s")
    more.press("s")
    assert more.choice.redaction.scope == "person"
    assert "human" in more.choice.hidden


def test_strength_is_bounded() -> None:
    keys = controls()
    for _ in range(9):
        keys.press("+")
    assert keys.choice.redaction.cells == 1
    for _ in range(9):
        keys.press("-")
    assert keys.choice.redaction.cells == 4


@pytest.mark.parametrize("key", ["q", "space", "x", "", "off", "0"])
def test_other_keys_change_nothing(key: str) -> None:
    keys = controls(debug=True)
    before = keys.choice
    keys.press(key)
    assert keys.choice == before


@pytest.mark.parametrize("key", ["d", "r"])
def test_debug_views_are_for_debug_runs(key: str, caplog: pytest.LogCaptureFixture) -> None:
    production, debug = controls(), controls(debug=True)
    production.press(key)
    assert (production.choice.outlines, production.choice.raw) == (False, False)
    debug.press(key)
    assert (debug.choice.outlines, debug.choice.raw) == (key == "d", key == "r")
    assert "preview on" in caplog.text
    debug.press(key)
    assert (debug.choice.outlines, debug.choice.raw) == (False, False)


def test_a_reload_is_taken_as_a_whole_or_not_at_all(caplog: pytest.LogCaptureFixture) -> None:
    keys = controls()
    keys.reload(Redaction(scope="head", method="fill"))
    assert keys.choice.hidden == {"head"}
    before = keys.choice
    with pytest.raises(ScopeError):
        keys.reload(Redaction(scope="person", method="blur"))
    assert keys.choice == before
    assert "hiding head with fill" in caplog.text


def test_everything_is_refused_where_its_detectors_do_not_run() -> None:
    keys = controls()  # without centerface, say
    before = keys.choice
    with pytest.raises(ScopeError, match="this run has no centerface, so it cannot hide everyth"):
        keys.reload(Redaction(scope="everything"))
    assert keys.choice == before


def test_what_is_less_than_a_new_run_would_hide_is_told(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    use_toy_people(monkeypatch, tmp_path)
    keys = Controls(Redaction(), [BUILT_IN["centerface"]], debug=False)
    keys.reload(Redaction(scope="head"))
    assert keys.choice.hidden == {"head"}
    assert "persons does not run, and head hides less without it" in caplog.text
    assert "hidden now: head" in caplog.text
    with pytest.raises(ScopeError, match="no persons"):
        keys.reload(Redaction(scope="everything"))


def test_everything_is_taken_where_all_runs(caplog: pytest.LogCaptureFixture) -> None:
    keys = Controls(Redaction(), [BUILT_IN["centerface"]], debug=False)
    keys.reload(Redaction(scope="everything"))
    assert keys.choice.hidden == {"head"}
    assert "does not run" not in caplog.text


def test_rules_are_in_force_from_the_beginning_and_taken_by_a_reload() -> None:
    ruled = Redaction.model_validate({"rules": {"face": "fill"}})
    keys = Controls(ruled, [stub_row()], debug=False)
    assert {label: rule.method for label, rule in keys.choice.rules.items()} == {"face": "fill"}
    keys.reload(Redaction.model_validate({"rules": {"face": "pixelate"}}))
    assert keys.choice.rules["face"].method == "pixelate"
    before = keys.choice
    for wrong in ({"rules": {"head": "fill"}}, {"method": "stare"}):
        with pytest.raises(ConfigError):
            keys.reload(Redaction.model_validate(wrong))
        assert keys.choice == before


def test_rules_wait_while_keys_hide_something_else() -> None:
    ruled = Redaction.model_validate({"rules": {"face": "fill"}})
    keys = Controls(ruled, [stub_row()], debug=False)
    keys.press("s")
    assert (keys.choice.redaction.scope, keys.choice.rules) == ("head", {})
    keys.press("s")
    assert set(keys.choice.rules) == {"face"}
