"""Rules: labels that are hidden in another way than the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from stream_anon.config import Redaction
from stream_anon.core.frame import ColorTags
from stream_anon.core.parts import Box
from stream_anon.core.redacted import MaskedFrame
from stream_anon.detectors.labels import BODY_GROUPS
from stream_anon.detectors.registry import BUILT_IN
from stream_anon.detectors.scopes import resolve_rules, resolve_scope
from stream_anon.errors import ConfigError, ScopeError
from stream_anon.pipeline.rules import rules_by_label, rules_for_tracks
from stream_anon.redaction.redactor import Redactor
from tests.stubs import face, make_frame

if TYPE_CHECKING:
    from stream_anon.core.frame import Planes
    from stream_anon.core.parts import Part

BOTH = tuple(BUILT_IN.values())
FULL = ColorTags(full_range=True)
LEFT, RIGHT = Box(20, 20, 60, 60), Box(110, 20, 60, 60)


def resolve(scope: str, *names: str) -> tuple[dict[str, str], list[str]]:
    return resolve_rules(names, resolve_scope(scope, BOTH), BOTH)


def redact(redaction: Redaction, *parts: Part) -> Planes:
    hidden = frozenset(part.label for part in parts)
    redactor = Redactor(redaction, FULL, rules=rules_by_label(redaction, hidden, BOTH))
    return redactor.redact(MaskedFrame(make_frame(200, 100, pattern="noise"), parts)).planes


def settings(**rules: Any) -> Redaction:
    return Redaction.model_validate({"method": "fill", "color": "#000000", "rules": rules})


def test_a_group_is_about_all_of_its_labels() -> None:
    found, idle = resolve("skin", "skin")
    assert found == dict.fromkeys(BODY_GROUPS["skin"][0], "skin")
    assert idle == []


@pytest.mark.parametrize("names", [("face", "skin", "person"), ("person", "skin", "face")])
def test_a_label_wins_over_groups_and_a_small_group_over_a_large_one(
    names: tuple[str, ...],
) -> None:
    found, _ = resolve("person", *names)
    assert (found["face"], found["left-arm"], found["coat"]) == ("face", "skin", "person")


@pytest.mark.parametrize(
    ("scope", "rule", "has_effect"),
    [
        ("face", "face", True),
        ("face", " Face ", True),
        ("face", "head", False),
        ("face", "person", False),
        ("person", "head", True),
        ("person", "skin", True),
        ("eyes", "mouth", False),
    ],
)
def test_a_rule_is_about_what_is_hidden_as_a_whole(scope: str, rule: str, has_effect: bool) -> None:
    found, idle = resolve(scope, rule)
    assert (bool(found), idle) == (has_effect, [] if has_effect else [rule])


def test_rules_for_what_is_not_hidden_are_refused_or_wait() -> None:
    redaction = Redaction.model_validate({"rules": {"head": "fill"}})
    with pytest.raises(ScopeError, match=r"rule for head .* scope face .* add head to the scope"):
        rules_by_label(redaction, frozenset({"face"}), BOTH)
    assert rules_by_label(redaction, frozenset({"face"}), BOTH, all_hidden=False) == {}


def test_unknown_labels_and_methods_are_refused() -> None:
    hidden = frozenset({"face"})
    with pytest.raises(ScopeError, match=r"'fase' in redaction\.rules: did you mean face\?"):
        rules_by_label(settings(fase="fill"), hidden, BOTH)
    with pytest.raises(ConfigError, match=r"redaction\.rules\.face is 'bur': did you mean blur\?"):
        rules_by_label(settings(face="bur"), hidden, BOTH)
    with pytest.raises(ConfigError, match=r"redaction\.method is 'x': known methods are blur, "):
        rules_by_label(Redaction(method="x"), hidden, BOTH)


def test_a_tracks_file_follows_the_rules_for_its_labels() -> None:
    redaction = settings(plate={"color": "#ffffff"}, hair="blur")
    rules, idle = rules_for_tracks(redaction, frozenset({"plate", "face"}))
    assert rules["plate"].color == "#ffffff"
    assert "face" not in rules
    assert idle == ["hair"]


def test_each_part_is_hidden_by_the_rule_of_its_label() -> None:
    parts = face(LEFT), face(RIGHT, label="head", person=1)
    luma = redact(settings(head={"color": "#ffffff"}), *parts)[0]
    assert not luma[45:55, 45:55].any()
    assert (luma[45:55, 135:145] == 255).all()


def test_a_rule_changes_nothing_for_other_labels() -> None:
    plain = redact(settings(), face(LEFT))
    ruled = redact(settings(head="blur"), face(LEFT), face(RIGHT, label="head", person=1))
    for one, other in zip(plain, ruled, strict=True):
        half = one.shape[1] // 2
        np.testing.assert_array_equal(one[:, :half], other[:, :half])


@pytest.mark.parametrize("face_first", [True, False])
def test_the_smaller_part_is_on_top(face_first: bool) -> None:
    parts = [face(Box(70, 30, 40, 40)), face(Box(50, 5, 90, 90), label="head")]
    luma = redact(settings(face={"color": "#ffffff"}), *(parts if face_first else parts[::-1]))[0]
    assert (luma[45:55, 85:95] == 255).all()
    assert not luma[80:85, 85:95].any()
