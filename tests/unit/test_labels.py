"""Scopes: from words to what is hidden, and never to nothing."""

from __future__ import annotations

import pytest

from stream_anon.errors import ConfigError, ScopeError
from stream_anon.parsing.labels import CENTERFACE_LABELS, GROUPS, LABELS, resolve_scope

SEEN = CENTERFACE_LABELS


def resolve(scope: str | list[str], seen: frozenset[str] = SEEN) -> frozenset[str]:
    return resolve_scope(scope, seen, "stub")


@pytest.mark.parametrize("group", GROUPS)
def test_groups_hide_what_they_stand_for(group: str) -> None:
    hidden = resolve(group)
    assert hidden == GROUPS[group]
    assert hidden <= LABELS


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


@pytest.mark.parametrize("scope", ["head", "face,head", ["mouth", "face"]])
def test_what_the_engine_cannot_see_is_an_error(scope: str | list[str]) -> None:
    seen = frozenset({"face"})
    with pytest.raises(ScopeError, match=r"engine stub cannot see (head|mouth)") as caught:
        resolve(scope, seen)
    assert "it sees face" in str(caught.value)


def test_a_scope_error_is_a_wrong_setting() -> None:
    assert issubclass(ScopeError, ConfigError)
    assert ScopeError.exit_code == ConfigError.exit_code
