"""From what is asked for to the detectors that see it and the labels that are hidden."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from stream_anon.detectors.labels import AUTO, EVERYTHING
from stream_anon.detectors.own import own_rows
from stream_anon.detectors.registry import BUILT_IN, Row, find, plugins, rows
from stream_anon.errors import ConfigError, ModelError, ScopeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from stream_anon.config import OwnDetector

STRICTEST = ("head", "person", "plate", "text")
"""What `everything` stands for, as far as a detector for it is installed: not for `moving`, which
hides all that a camera shows that is not fixed."""
NAMED = 4
"""Labels that an error names at most."""


def choose(
    engine: str, scope: str | list[str], own: Mapping[str, OwnDetector] | None = None
) -> tuple[Row, ...]:
    """The detectors of a run, slow ones first.

    Args:
        engine: names of detectors joined by commas, or `auto`: those that the scope needs, and of
            several that could do the same, the best that is installed.
        scope: what is to be hidden.
        own: detectors of the user's own, which with `auto` come before all others. Built-in ones
            that see the same, fast ones, run beside them.

    Raises:
        ConfigError: no detector of that name.
        ScopeError: nothing sees what is to be hidden.
        ModelError: the weights of one are not on this machine, or of none that could do it.
    """
    theirs = own_rows(own or {})
    wanted = (
        _needed(scope, theirs)
        if engine == AUTO
        else [_named(name, theirs) for name in _split(engine)]
    )
    with_others = {row.name: row for row in wanted}
    for row in wanted:
        with_others |= {name: _named(name, {}) for name in row.needs if name not in with_others}
    chosen = sorted(with_others.values(), key=lambda row: row.is_fast)
    for row in chosen:
        if not row.is_installed():
            raise ModelError(_not_installed(row))
    return tuple(chosen)


def _not_installed(row: Row) -> str:
    return f"the weights of {row.name} are not on this machine: get them {row.how_to_get}"


def with_parser(chosen: Sequence[Row]) -> tuple[Row, ...]:
    """These detectors and one that sees body parts, where it is installed: to show what is seen."""
    if any(not row.is_fast for row in chosen):
        return tuple(chosen)
    able = (row for row in BUILT_IN.values() if not row.is_fast and row.is_installed())
    parser = next(able, None)
    if parser is None:
        return tuple(chosen)
    needed = [BUILT_IN[name] for name in parser.needs]
    return tuple({row.name: row for row in (parser, *chosen, *needed)}.values())


def seen_by(chosen: Iterable[Row]) -> frozenset[str]:
    """Every label that these detectors can answer with."""
    return frozenset().union(*(row.labels for row in chosen))


def resolve_scope(scope: str | list[str], chosen: Sequence[Row]) -> frozenset[str]:
    """Turn a scope into the labels to hide.

    Args:
        scope: a group (`face`, `head`, `skin`, `clothes`, `person`), a label, `everything`, several
            of them joined by commas, or a list.
        chosen: the detectors of the run.

    Raises:
        ScopeError: empty, an unknown label, or one that these detectors cannot see.
    """
    seen = seen_by(chosen)
    hidden: set[str] = set()
    for name in _expanded(_names(scope), chosen):
        ways = _ways(name, chosen)
        visible = [labels for labels in ways if labels <= seen]
        if not visible:
            raise ScopeError(_unseen(name, chosen))
        hidden.update(*visible)
    if not hidden:
        raise ScopeError(f"{'+'.join(row.name for row in chosen)} sees nothing of {EVERYTHING}")
    return frozenset(hidden)


def not_running(
    scope: str | list[str],
    running: Sequence[Row],
    engine: str = AUTO,
    own: Mapping[str, OwnDetector] | None = None,
) -> list[str]:
    """Detectors that a run with this scope would have, and that are not among those which run.

    Raises:
        ConfigError, ModelError: as `choose`.
    """
    names = {row.name for row in running}
    return [row.name for row in choose(engine, scope, own) if row.name not in names]


def names_any(scope: str | list[str], labels: frozenset[str]) -> bool:
    """Whether a scope names any of these itself."""
    return not labels.isdisjoint(_names(scope))


def resolve_rules(
    names: Iterable[str], hidden: frozenset[str], chosen: Iterable[Row]
) -> tuple[dict[str, str], list[str]]:
    """Which of some labels and groups says how each hidden label is hidden.

    A label's own name wins over that of a group, and a small group over a large one.

    Args:
        names: labels and groups, as in a scope.
        hidden: labels to hide, from `resolve_scope`.
        chosen: the detectors of the run.

    Returns:
        One of the names for each label that they are about, and the names that are not hidden as
        a whole.

    Raises:
        ScopeError: an unknown label.
    """
    chosen = tuple(chosen)
    found: list[tuple[int, str, frozenset[str]]] = []
    idle: list[str] = []
    for name in names:
        plain = name.strip().lower()
        ways = [labels for labels in _ways(plain, chosen) if labels <= hidden]
        if not ways and not _is_known(plain):
            raise ScopeError(_unknown(name, "in redaction.rules"))
        found += [(len(labels), name, labels) for labels in ways]
        idle += [] if ways else [name]
    found.sort(key=lambda entry: -entry[0])
    return {label: name for _, name, labels in found for label in labels}, idle


def _is_known(name: str) -> bool:
    """Packages of others are asked last."""
    return any(_can_hide(row, name) for row in BUILT_IN.values()) or any(
        _can_hide(row, name) for row in rows().values()
    )


def _needed(scope: str | list[str], own: Mapping[str, Row]) -> list[Row]:
    """The fewest detectors for a scope, fast ones first, and those that add to it.

    Raises:
        ScopeError: nobody sees one of its labels.
        ModelError: whoever does is not installed.
    """
    asked = _names(scope)
    known = rows() if EVERYTHING in asked else BUILT_IN
    installed = [row for row in known.values() if row.is_installed()]
    names = _expanded(asked, [*own.values(), *installed])
    wanted: dict[str, Row] = {}
    for name in names:
        able = _able(name, own)
        if not able:
            raise ScopeError(_unknown(name, "in the scope", own.values()))
        best = _best(able, name, wanted)
        wanted[best.name] = best
        if best.name in own:  # whose training nobody here knows: the built-in one looks as well
            wanted |= {row.name: row for row in _fast_built_in(name, wanted)}
    added = [row for row in installed if row.adds_to & set(names)]
    return list((wanted | {row.name: row for row in added}).values())


def _able(name: str, own: Mapping[str, Row]) -> list[Row]:
    """Who can hide something: the user's own, or those here, or those of other packages.

    The first of these of which one is installed; all, where none is.
    """
    everybody: list[Row] = []
    sources: tuple[Callable[[], Mapping[str, Row]], ...] = (lambda: own, lambda: BUILT_IN, plugins)
    for source in sources:
        able = [row for row in source().values() if _can_hide(row, name)]
        if any(row.is_installed() for row in able):
            return able
        everybody += able
    return everybody


def _fast_built_in(name: str, wanted: Iterable[str]) -> list[Row]:
    """The one that is installed, if any is and it is fast."""
    able = [r for r in BUILT_IN.values() if r.is_fast and r.is_installed() and _can_hide(r, name)]
    return [_best(able, name, wanted)] if able else []


def _best(able: Sequence[Row], name: str, wanted: Iterable[str]) -> Row:
    """Which of several detectors hides something."""
    installed = [row for row in able if row.is_installed()]
    if not installed:
        raise ModelError("; or ".join(_not_installed(row) for row in able))
    proper = [row for row in installed if name not in row.stands_in_for] or installed
    return next((r for r in proper if r.name in wanted), min(proper, key=lambda r: not r.is_fast))


def _can_hide(row: Row, name: str) -> bool:
    """With the detectors that run alongside it, but not what these can hide alone."""
    with_others = row.labels.union(*(BUILT_IN[n].labels for n in row.needs if n in BUILT_IN))
    return any(labels <= with_others and labels & row.labels for labels in _ways(name, [row]))


def _ways(name: str, chosen: Iterable[Row]) -> list[frozenset[str]]:
    """Sets of labels that hide what `name` stands for, according to these detectors.

    What is a group to one detector may be a label of another one, which is hidden as well.
    """
    ways = [labels for row in chosen for labels in row.groups.get(name, ())]
    ways += [frozenset({name}) for row in chosen if name in row.labels]
    return list(dict.fromkeys(ways)) or [frozenset({name})]


def _names(scope: str | list[str]) -> list[str]:
    names = _split(scope) if isinstance(scope, str) else [name.strip().lower() for name in scope]
    names = [name for name in names if name]
    if not names:
        raise ScopeError("the scope is empty: name what to hide, for example face or head")
    return names


def _expanded(names: Sequence[str], able: Sequence[Row]) -> list[str]:
    """With what these detectors can hide in place of `everything`."""
    if EVERYTHING not in names:
        return list(names)
    theirs = {label for row in able if row.name not in BUILT_IN for label in row.labels}
    hides = [name for name in STRICTEST if any(_can_hide(row, name) for row in able)]
    others = [name for name in names if name != EVERYTHING]
    return list(dict.fromkeys([*others, *hides, *sorted(theirs)]))


def _split(text: str) -> list[str]:
    return [name.strip().lower() for name in text.split(",") if name.strip()]


def _named(name: str, own: Mapping[str, Row]) -> Row:
    row = own.get(name) or find(name)
    if row is None:
        known = [AUTO, *own, *rows()]
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
        raise ConfigError(
            f"setting parsing.engine is {name!r}, which is not a known detector: {hint}"
        )
    return row


def _unseen(name: str, chosen: Sequence[Row]) -> str:
    """Why these detectors cannot hide what is asked for, and who can."""
    everybody = rows().values()
    if not any(_can_hide(row, name) for row in everybody):
        return _unknown(name, "in the scope", chosen)
    able = next(row for row in everybody if _can_hide(row, name))
    missing = min(_ways(name, [able]), key=len) - seen_by(chosen)
    named = sorted(missing)
    listed = ", ".join(named[:NAMED]) + f" and {len(named) - NAMED} others" * (len(named) > NAMED)
    hint = f"{able.name} does" + (f"; get it {able.how_to_get}" if able.how_to_get else "")
    names = "+".join(row.name for row in chosen)
    return f"the engine {names} cannot see {listed} (scope {name}); {hint}"


def _unknown(name: str, where: str, own: Iterable[Row] = ()) -> str:
    everybody = [*own, *rows().values()]
    labels = {label for row in everybody for label in (*row.labels, *row.groups)}
    known = sorted(labels | {EVERYTHING})
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
    return f"unknown label {name!r} {where}: {hint}"
