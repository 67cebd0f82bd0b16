"""Scopes: from words to what is hidden, and never to nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stream_anon.detectors.labels import BODY_GROUPS, CENTERFACE_LABELS, PARSED_LABELS, covers
from stream_anon.detectors.registry import BUILT_IN, Row
from stream_anon.detectors.scopes import resolve_rules, resolve_scope
from stream_anon.errors import ConfigError, ScopeError
from tests.stubs import stub_row

PARSED = PARSED_LABELS
LABELS = CENTERFACE_LABELS | PARSED
SEEN = CENTERFACE_LABELS | PARSED


def resolve(scope: str | list[str], seen: frozenset[str] = SEEN) -> frozenset[str]:
    return resolve_scope(scope, [stub_row(seen)])


@pytest.mark.parametrize("group", BODY_GROUPS)
def test_groups_hide_everything_that_they_stand_for(group: str) -> None:
    hidden = resolve(group)
    assert hidden == BODY_GROUPS[group][0] | ({"head"} if group == "head" else set())
    assert hidden <= LABELS


def test_a_head_is_what_each_engine_can_see_of_it() -> None:
    assert resolve("head", CENTERFACE_LABELS) == {"head"}
    assert resolve("head", PARSED) == {"face", "hair", "hat", "sunglasses"}
    assert resolve("head") == {"head", "face", "hair", "hat", "sunglasses"}


def test_clothes_and_skin_share_nothing_and_a_person_is_all_of_it() -> None:
    skin, clothes, person = resolve("skin"), resolve("clothes"), resolve("person")
    assert not skin & clothes
    assert {"face", "left-arm", "torso-skin"} <= skin
    assert {"upper-clothes", "hat", "left-shoe"} <= clothes
    assert person == PARSED
    assert person - skin - clothes == {"hair", "human"}


@pytest.mark.parametrize("scope", ["eyes", "nose", "mouth", "face,eyes"])
def test_m2fp_alone_cannot_see_landmarks_and_says_who_can(scope: str) -> None:
    with pytest.raises(ScopeError, match=r"engine m2fp cannot see .*centerface does"):
        resolve_scope(scope, [BUILT_IN["m2fp"]])


@pytest.mark.parametrize("scope", ["person", "hair", "skin", "clothes", "face,left-arm"])
def test_centerface_cannot_see_bodies_and_says_who_can(scope: str) -> None:
    with pytest.raises(ScopeError, match=r"engine centerface cannot see .*m2fp does"):
        resolve_scope(scope, [BUILT_IN["centerface"]])


@pytest.mark.parametrize(
    ("scope", "enough"), [("face", True), ("head", True), ("hair", False), ("person", False)]
)
def test_centerface_alone_covers_faces_and_heads(scope: str, enough: bool) -> None:
    assert covers(CENTERFACE_LABELS, resolve(scope)) is enough


@pytest.mark.parametrize("label", sorted(LABELS))
def test_every_label_is_a_scope(label: str) -> None:
    assert label in resolve(label)


@pytest.mark.parametrize(
    "scope",
    ["eyes,mouth", " eyes , mouth ", "EYES,Mouth", "mouth,eyes,eyes", "eyes,,mouth,"],
)
def test_comma_lists_and_lists_say_the_same(scope: str) -> None:
    assert resolve(scope) == resolve(["eyes", "mouth"]) == {"eyes", "mouth"}


def test_groups_and_labels_mix() -> None:
    assert resolve(["head", "eyes"]) == resolve("head") | {"eyes"}


@pytest.mark.parametrize("scope", ["", " ", ",", [], ["", "  "]])
def test_an_empty_scope_is_an_error_not_a_silent_nothing(scope: str | list[str]) -> None:
    with pytest.raises(ScopeError, match="empty"):
        resolve(scope)


@pytest.mark.parametrize(("wrong", "near"), [("fase", "face"), ("heads", "head"), ("eye", "eyes")])
def test_an_unknown_label_names_the_nearest(wrong: str, near: str) -> None:
    with pytest.raises(ScopeError) as caught:
        resolve(["face", wrong])
    assert f"{wrong!r}" in str(caught.value)
    assert f"did you mean {near}?" in str(caught.value)


def test_an_unknown_label_near_nothing_names_all() -> None:
    with pytest.raises(ScopeError) as caught:
        resolve("xyzzy")
    assert all(label in str(caught.value) for label in LABELS)


@pytest.mark.parametrize("scope", ["mouth", "face,eyes,mouth", ["mouth", "face"]])
def test_what_the_engine_cannot_see_is_an_error(scope: str | list[str]) -> None:
    seen = frozenset({"face"})
    with pytest.raises(ScopeError, match=r"engine stub cannot see (eyes|mouth)") as caught:
        resolve(scope, seen)
    assert "centerface does" in str(caught.value)


def test_a_label_that_is_a_group_to_others_is_hidden_beside_it() -> None:
    mine = Row("mine", frozenset({"person"}), stub_row().load)
    chosen = [stub_row(PARSED), mine]
    assert resolve_scope("person", chosen) == PARSED | {"person"}
    assert resolve_scope("person", [mine]) == {"person"}
    by_label, idle = resolve_rules(["person"], resolve_scope("person", chosen), chosen)
    assert by_label.keys() == PARSED | {"person"}
    assert idle == []


def test_everything_is_never_nothing() -> None:
    moving = Row("scene", frozenset({"moving"}), stub_row().load)
    with pytest.raises(ScopeError, match="sees nothing of everything"):
        resolve_scope("everything", [replace(BUILT_IN["scene"], needs=())])
    assert resolve_scope("everything,moving", [moving]) == {"moving"}


def test_a_scope_error_is_a_wrong_setting() -> None:
    assert issubclass(ScopeError, ConfigError)
    assert ScopeError.exit_code == ConfigError.exit_code
