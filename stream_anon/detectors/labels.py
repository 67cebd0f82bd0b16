"""The names of body parts, and the scopes that turn them into what is hidden."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from stream_anon.errors import ScopeError

if TYPE_CHECKING:
    from collections.abc import Iterable

CENTERFACE_LABELS = frozenset({"face", "head", "eyes", "nose", "mouth"})
"""`head` is estimated from the face: the skull, hair and ears around it."""

CIHP_LABELS = {
    "Hat": "hat",
    "Hair": "hair",
    "Glove": "glove",
    "Sunglasses": "sunglasses",
    "UpperClothes": "upper-clothes",
    "Dress": "dress",
    "Coat": "coat",
    "Socks": "socks",
    "Pants": "pants",
    "Torso-skin": "torso-skin",
    "Scarf": "scarf",
    "Skirt": "skirt",
    "Face": "face",
    "Left-arm": "left-arm",
    "Right-arm": "right-arm",
    "Left-leg": "left-leg",
    "Right-leg": "right-leg",
    "Left-shoe": "left-shoe",
    "Right-shoe": "right-shoe",
    "Human": "human",
}
"""What m2fp sees: the classes of the data set CIHP and our names for them.

Left and right are the person's own. `human` is a whole person, from hat to shoes.
"""

LABELS = CENTERFACE_LABELS | frozenset(CIHP_LABELS.values())
"""Every label that an engine of this version can answer with."""

NAMED = 4
"""Labels that an error names at most."""

_HEAD = frozenset({"face", "hair", "hat", "sunglasses"})
_LIMBS = frozenset({"left-arm", "right-arm", "left-leg", "right-leg"})
_PARSED = frozenset(CIHP_LABELS.values())

GROUPS: dict[str, tuple[frozenset[str], ...]] = {
    "face": (frozenset({"face"}),),
    "head": (frozenset({"head"}), _HEAD),
    "skin": (_LIMBS | {"face", "torso-skin"},),
    "clothes": (_PARSED - _LIMBS - _HEAD - {"torso-skin", "human"} | {"hat", "sunglasses"},),
    "person": (_PARSED,),
}
"""Scopes that stand for more than their own name.

Each has one or more sets of labels that hide it; all sets that an engine sees are hidden together.
"""


def resolve_scope(scope: str | list[str], seen: frozenset[str], engine: str) -> frozenset[str]:
    """Turn a scope into the labels to hide.

    Args:
        scope: a group (`face`, `head`, `skin`, `clothes`, `person`), a label, several of them
            joined by commas, or a list.
        seen: the labels that the engine can answer with.
        engine: its name, for the message.

    Raises:
        ScopeError: empty, an unknown label, or one that this engine cannot see.
    """
    names = scope.split(",") if isinstance(scope, str) else scope
    names = [name.strip().lower() for name in names if name.strip()]
    if not names:
        raise ScopeError("the scope is empty: name what to hide, for example face or head")
    hidden: set[str] = set()
    for name in names:
        if name not in GROUPS and name not in LABELS:
            raise ScopeError(_unknown(name, "in the scope"))
        ways = GROUPS.get(name, (frozenset({name}),))
        visible = [labels for labels in ways if labels <= seen]
        if not visible:
            raise ScopeError(_unseen(name, ways[0] - seen, seen, engine))
        hidden.update(*visible)
    return frozenset(hidden)


def resolve_rules(names: Iterable[str], hidden: frozenset[str]) -> tuple[dict[str, str], list[str]]:
    """Which of some labels and groups says how each hidden label is hidden.

    A label's own name wins over that of a group, and a small group over a large one.

    Args:
        names: labels and groups, as in a scope.
        hidden: labels to hide, from `resolve_scope`.

    Returns:
        One of the names for each label that they are about, and the names that are not hidden as
        a whole.

    Raises:
        ScopeError: an unknown label.
    """
    found: list[tuple[int, str, frozenset[str]]] = []
    idle: list[str] = []
    for name in names:
        plain = name.strip().lower()
        if plain not in GROUPS and plain not in LABELS | hidden:
            raise ScopeError(_unknown(name, "in redaction.rules"))
        ways = GROUPS.get(plain, (frozenset({plain}),))
        if any(labels <= hidden for labels in ways):
            found += [(len(labels), name, labels) for labels in ways if labels <= hidden]
        else:
            idle.append(name)
    found.sort(key=lambda entry: -entry[0])
    return {label: name for _, name, labels in found for label in labels}, idle


def covers(seen: frozenset[str], hidden: frozenset[str]) -> bool:
    """Whether an engine that answers with `seen` alone can hide all of `hidden`.

    What it calls a head holds all that others tell apart on a head.
    """
    return hidden - (_HEAD if "head" in hidden & seen else frozenset()) <= seen


def _unseen(name: str, missing: frozenset[str], seen: frozenset[str], engine: str) -> str:
    others = {"centerface": CENTERFACE_LABELS, "m2fp": _PARSED}
    able = [other for other, labels in others.items() if missing <= labels]
    hint = f"{able[0]} does" if able else f"it sees {', '.join(sorted(seen))}"
    if "m2fp" in able:
        hint += " (stream-anon models list tells whether it is installed)"
    named = sorted(missing)
    told = ", ".join(named[:NAMED]) + f" and {len(named) - NAMED} others" * (len(named) > NAMED)
    return f"the engine {engine} cannot see {told} (scope {name}); {hint}"


def _unknown(name: str, where: str) -> str:
    known = sorted(LABELS | set(GROUPS))
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
    return f"unknown label {name!r} {where}: {hint}"
