"""From the settings for redaction to how each label is hidden."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stream_anon.core.stream_log import stream_logger
from stream_anon.core.zones import is_zone
from stream_anon.detectors.registry import BUILT_IN, rows
from stream_anon.detectors.scopes import choose, resolve_rules, resolve_scope, seen_by
from stream_anon.errors import ConfigError, ScopeError
from stream_anon.masking.identities import HUMAN
from stream_anon.masking.zones import zone_rules
from stream_anon.redaction.registry import METHODS, method_named, promise

log = stream_logger(__name__)

CAPTIONED = ("fill", "silhouette")
"""Methods that write captions."""

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stream_anon.config import Redaction, Settings
    from stream_anon.detectors.registry import Row


def rules_by_label(
    redaction: Redaction,
    hidden: frozenset[str],
    detectors: Iterable[Row],
    *,
    all_hidden: bool = True,
) -> dict[str, Redaction]:
    """How to hide the labels that rules are about; all others follow the settings themselves.

    Args:
        redaction: the settings.
        hidden: labels to hide, from `resolve_scope`.
        detectors: those of the run.
        all_hidden: refuse rules for what is not hidden, because whoever writes one relies on it;
            otherwise they have no effect.

    Raises:
        ConfigError: an unknown method or label, or a rule for what is not hidden.
    """
    method_named(redaction.method)
    for name, rule in redaction.rules.items():
        if rule.method is not None:
            method_named(rule.method, f"redaction.rules.{name}")
    for zone in redaction.zones:
        if zone.method is not None:
            method_named(zone.method, f"redaction.zones.{zone.name}")
    names, idle = resolve_rules(redaction.rules, hidden, detectors)
    if all_hidden and idle:
        scope = redaction.scope if isinstance(redaction.scope, str) else ",".join(redaction.scope)
        raise ScopeError(
            f"the rule for {idle[0]} has no effect, because the scope {scope} does not hide it: "
            f"add {idle[0]} to the scope, or remove the rule"
        )
    by_label = {label: redaction.by(redaction.rules[name]) for label, name in names.items()}
    found = {**by_label, **zone_rules(redaction)}
    for one in (redaction, *found.values()):
        if (check := method_named(one.method).check) is not None:
            check(one)
    writes = any(one.method in CAPTIONED for one in (redaction, *found.values()))
    if all_hidden and redaction.caption != "none" and not writes:
        raise ConfigError(
            f"the caption {redaction.caption} has no effect: only {' and '.join(CAPTIONED)} write "
            "one, so choose --method fill"
        )
    return found


def promises(redaction: Redaction, rules: Mapping[str, Redaction]) -> dict[str, str]:
    """What each method of a run promises, by its name.

    Args:
        redaction: the settings.
        rules: from `rules_by_label`.
    """
    names = [redaction.method, *(rule.method for rule in rules.values())]
    return {name: promise(method_named(name)) for name in dict.fromkeys(names)}


def warn_of_reading(redaction: Redaction, rules: Mapping[str, Redaction]) -> None:
    """A warning for each method that reads what it hides."""
    safe = [method.name for method in METHODS if not method.reads_hidden]
    for name, promised in promises(redaction, rules).items():
        if name not in safe:
            log.warning("%s %s; %s read nothing", name, promised, ", ".join(safe))


def check_redaction(settings: Settings) -> None:
    """Refuse, before several inputs are redacted, what is wrong whatever the input is.

    Raises:
        ConfigError: an unknown engine, scope, label or method, or a rule for what is not hidden.
    """
    chosen = choose(settings.parsing.engine, settings.redaction.scope, settings.detectors)
    scope = resolve_scope(settings.redaction.scope, chosen)
    rules_by_label(settings.redaction, scope, chosen)


def detectors_for(settings: Settings) -> tuple[str, ...]:
    """Names of the detectors that a run with these settings has.

    Raises:
        ConfigError: an unknown engine, scope or label.
    """
    chosen = choose(settings.parsing.engine, settings.redaction.scope, settings.detectors)
    return tuple(row.name for row in chosen)


def told_apart(rules: Mapping[str, Redaction]) -> frozenset[str]:
    """Labels that are hidden in another way than the person they are a part of.

    Args:
        rules: from `rules_by_label`.
    """
    whole = rules.get(HUMAN)
    return frozenset(label for label, rule in rules.items() if rule != whole and not is_zone(label))


def rules_for_tracks(
    redaction: Redaction, labels: frozenset[str]
) -> tuple[dict[str, Redaction], list[str]]:
    """As `rules_by_label`, for tracks or masks that exist already and say what is hidden.

    Returns:
        How to hide labels, and the rules that none of these labels follows.
    """
    # Packages of others are asked where it matters: a broken one is no reason not to render.
    detectors = rows().values() if redaction.rules else BUILT_IN.values()
    known = seen_by(detectors) | labels
    names, _ = resolve_rules(redaction.rules, known, detectors)
    followed = {names[label] for label in labels if label in names}
    idle = [name for name in redaction.rules if name not in followed]
    return rules_by_label(redaction, known, detectors, all_hidden=False), idle
