"""What keys and reloads can change in a live run, and what they cannot."""

from __future__ import annotations

import pytest

from stream_anon.config import Redaction
from stream_anon.detectors.labels import CENTERFACE_LABELS, PARSED_LABELS
from stream_anon.errors import ScopeError
from stream_anon.pipeline.live.controls import Controls
from tests.stubs import stub_row


def controls(*, debug: bool = False, labels: frozenset[str] = CENTERFACE_LABELS) -> Controls:
    return Controls(Redaction(), [stub_row(labels)], debug=debug)


def test_methods_come_around() -> None:
    keys = controls()
    seen = []
    for _ in range(4):
        keys.press("m")
        seen.append(keys.choice.redaction.method)
    assert seen == ["pixelate", "fill", "blur", "pixelate"]


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
