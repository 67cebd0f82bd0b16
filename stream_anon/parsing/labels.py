"""The names of body parts, and the scopes that turn them into what is hidden."""

from __future__ import annotations

from difflib import get_close_matches

from stream_anon.errors import ScopeError

CENTERFACE_LABELS = frozenset({"face", "head", "eyes", "nose", "mouth"})
"""`head` is estimated from the face: the skull, hair and ears around it."""

LABELS = CENTERFACE_LABELS
"""Every label that an engine of this version can answer with."""

GROUPS: dict[str, frozenset[str]] = {
    "face": frozenset({"face"}),
    "head": frozenset({"head"}),
}
"""Scopes that stand for more than their own name, and what they hide."""


def resolve_scope(scope: str | list[str], seen: frozenset[str], engine: str) -> frozenset[str]:
    """Turn a scope into the labels to hide.

    Args:
        scope: a group (`face`, `head`), a label, several of them joined by commas, or a list.
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
        labels = GROUPS.get(name, frozenset({name}))
        if name not in GROUPS and name not in LABELS:
            raise ScopeError(_unknown(name))
        if missing := sorted(labels - seen):
            raise ScopeError(
                f"the engine {engine} cannot see {', '.join(missing)} (scope {name}); "
                f"it sees {', '.join(sorted(seen))}"
            )
        hidden |= labels
    return frozenset(hidden)


def _unknown(name: str) -> str:
    known = sorted(LABELS | set(GROUPS))
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
    return f"unknown label {name!r} in the scope: {hint}"
