"""What a run would hide, and how, without running it: for whoever has to answer for that."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from stream_anon.detectors.labels import SCENE_LABELS
from stream_anon.detectors.registry import rows
from stream_anon.detectors.scopes import choose, resolve_scope, seen_by
from stream_anon.pipeline.rules import rules_by_label
from stream_anon.redaction.registry import method_named, promise

if TYPE_CHECKING:
    from stream_anon.config import Settings, Zone


@dataclass(frozen=True, slots=True)
class Hidden:
    """A label that is hidden."""

    label: str
    detectors: tuple[str, ...]
    """Whose answers are hidden."""
    method: str
    promise: str
    """What the method lets through."""


@dataclass(frozen=True, slots=True)
class ZoneInForce:
    """A zone of the settings."""

    name: str
    mode: str
    """`hide`, or `ignore`: nobody is hidden there."""
    method: str | None
    """None where nobody is hidden."""
    promise: str | None
    """What it lets through."""


@dataclass(frozen=True, slots=True)
class InForce:
    """What a run with some settings hides."""

    hidden: tuple[Hidden, ...]
    clear: tuple[str, ...]
    """Labels that its detectors see and that are not hidden for themselves."""
    unseen: tuple[str, ...]
    """Labels that only other detectors see."""
    shown: tuple[str, ...]
    """What the camera shows beside `moving` or `background`, whichever is hidden: the other one."""
    zones: tuple[ZoneInForce, ...]
    sound: str
    """`output.audio`."""
    live_sound: str
    """`live.audio`."""
    metadata: tuple[str, ...]
    """What is kept of the input's."""
    sealed: bool
    """What is hidden is stored, encrypted, so that it can be brought back."""
    mode: str
    """`live.mode`: previews of a debug run may show raw pictures."""

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def in_force(settings: Settings) -> InForce:
    """Resolve settings as a run does.

    Raises:
        ConfigError: an unknown engine, scope, label or method, or a rule for what is not hidden.
        ModelError: the weights of a detector that is needed are not on this machine.
    """
    redaction = settings.redaction
    chosen = choose(settings.parsing.engine, redaction.scope, settings.detectors)
    scope = resolve_scope(redaction.scope, chosen)
    rules = rules_by_label(redaction, scope, chosen)
    seen = seen_by(chosen)

    def hidden(label: str) -> Hidden:
        method = method_named(rules.get(label, redaction).method)
        by = tuple(row.name for row in chosen if label in row.labels)
        return Hidden(label, by, method.name, promise(method))

    def zone_in_force(zone: Zone) -> ZoneInForce:
        method = method_named(zone.method or redaction.method) if zone.mode == "hide" else None
        named, promised = (method.name, promise(method)) if method else (None, None)
        return ZoneInForce(zone.name, zone.mode, named, promised)

    return InForce(
        hidden=tuple(hidden(label) for label in sorted(scope)),
        clear=tuple(sorted(seen - scope - SCENE_LABELS)),
        unseen=tuple(sorted(seen_by(rows().values()) - seen - SCENE_LABELS)),
        shown=tuple(sorted(SCENE_LABELS - scope)) if scope & SCENE_LABELS else (),
        zones=tuple(zone_in_force(zone) for zone in redaction.zones),
        sound=settings.output.audio,
        live_sound=settings.live.audio,
        metadata=tuple(settings.output.keep_metadata),
        sealed=bool(settings.output.seal),
        mode=settings.live.mode,
    )
