"""Settings that operators change while the server runs: what is hidden, and how."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stream_anon.config import load_settings
from stream_anon.errors import ConfigError, StreamAnonError
from stream_anon.pipeline.rules import check_redaction
from stream_anon.web.errors import Refused
from stream_anon.web.security.who import HOST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stream_anon.config import Redaction, Settings
    from stream_anon.web.security.who import Who
    from stream_anon.web.store.audit_log import AuditLog
    from stream_anon.web.store.store import Store

KEPT = "redaction"
FILES = ("replace_with",)
"""Settings that name files of this machine: the command line's alone."""


def with_changes(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """Settings with some others.

    Args:
        settings: as they are.
        changes: by dotted path.

    Raises:
        ConfigError: an unknown setting, or a value out of range.
    """
    now = {
        f"{section}.{key}": value
        for section, values in settings.model_dump().items()
        for key, value in values.items()
    }
    return load_settings(None, now | dict(changes))


class Configuration:
    """The settings in force. Any thread may call anything."""

    def __init__(self, settings: Settings, store: Store, audit_log: AuditLog) -> None:
        """Take over what was changed before the last end, unless the file has changed since."""
        self._lock = threading.Lock()
        self._store, self._audit_log = store, audit_log
        self._given = settings
        self._settings = settings
        self._anonymizes = True
        self._followers: list[Callable[[Redaction], object]] = []
        self._restore()

    @property
    def settings(self) -> Settings:
        """All of them, as they are now."""
        return self._settings

    @property
    def is_debug(self) -> bool:
        return self._settings.live.mode == "debug"

    @property
    def anonymizes(self) -> bool:
        """False only in debug mode; what viewers get is anonymized all the same."""
        return self._anonymizes or not self.is_debug

    def follow(self, follower: Callable[[Redaction], object]) -> None:
        """Call somebody with the settings of redaction each time that they change."""
        self._followers.append(follower)

    def change(self, who: Who, redaction: Mapping[str, Any], effort: str | None = None) -> None:
        """Change settings of redaction, and `parsing.effort`.

        Raises:
            ConfigError: one is unknown or out of range, or they contradict each other: nothing is
                changed then.
        """
        if named := next((name for name in _names(redaction) if name in FILES), None):
            raise ConfigError(f"{named} names a file: set it where the server starts")
        changes: dict[str, Any] = {f"redaction.{name}": v for name, v in redaction.items()}
        if effort is not None:
            changes["parsing.effort"] = effort
        with self._lock:
            changed = with_changes(self._settings, changes)
            check_redaction(changed)
            with self._store.changing():
                self._keep(changed)
                self._audit_log.add(who, "change settings", details=changes)
            self._settings = changed
            followers = list(self._followers)
        for follow in followers:
            follow(changed.redaction)

    def set_anonymization(self, who: Who, *, on: bool) -> None:
        """Turn anonymization of what operators look at off, or on again.

        Raises:
            Refused: it is to be turned off outside of debug mode.
        """
        if not on and not self.is_debug:
            raise Refused(403, "production mode always anonymizes: start with --mode debug")
        with self._lock:
            self._audit_log.add(who, f"turn anonymization {'on' if on else 'off'}")
            self._anonymizes = on

    def _keep(self, changed: Settings) -> None:
        value = {"redaction": changed.redaction.model_dump(mode="json", exclude=set(FILES))}
        value["parsing"] = {"effort": changed.parsing.effort}
        self._store.change(
            "INSERT OR REPLACE INTO kept_settings (name, value, based_on) VALUES (?, ?, ?)",
            (KEPT, json.dumps(value), _print_of(self._given)),
        )

    def _restore(self) -> None:
        row = self._store.row("SELECT * FROM kept_settings WHERE name = ?", (KEPT,))
        if row is None:
            return
        try:
            if row["based_on"] != _print_of(self._given):
                raise ConfigError("the settings that the server starts with have changed")
            kept = json.loads(row["value"])
            changes = {f"{s}.{name}": v for s, values in kept.items() for name, v in values.items()}
            restored = with_changes(self._given, changes)
            check_redaction(restored)
            self._settings = restored
        except StreamAnonError as error:
            details = {"why": str(error), "dropped": json.loads(row["value"])}
            with self._store.changing():
                self._store.change("DELETE FROM kept_settings WHERE name = ?", (KEPT,))
                self._audit_log.add(HOST, "drop changed settings", details=details)


def _names(values: object) -> Iterator[str]:
    """Of all settings in a tree, also those of rules and zones."""
    if isinstance(values, Mapping):
        for name, value in values.items():
            yield str(name)
            yield from _names(value)
    elif isinstance(values, list):
        for value in values:
            yield from _names(value)


def _print_of(settings: Settings) -> str:
    """Tells whether the settings that the server started with are the same."""
    text = settings.redaction.model_dump_json() + settings.parsing.effort
    return hashlib.sha256(text.encode()).hexdigest()
