"""The settings of a job: those of the server, with what its owner asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stream_anon.config import load_settings
from stream_anon.errors import ConfigError
from stream_anon.pipeline.rules import check_redaction

if TYPE_CHECKING:
    from stream_anon.config import Settings
    from stream_anon.web.jobs.job import Options

SERVERS_OWN = ("web", "live")
"""Sections that no job needs."""


def settings_for(options: Options, settings: Settings) -> dict[str, Any]:
    """All that a job is redacted with, as JSON holds it.

    Args:
        options: what its owner asked for.
        settings: of the server, those in force.

    Raises:
        ConfigError: they make no sense.
    """
    given = {
        f"{section}.{key}": value
        for section, values in settings.model_dump(mode="json", exclude_unset=True).items()
        if section not in SERVERS_OWN
        for key, value in values.items()
    }
    given.pop("output.seal", None)
    scope = options.scope
    asked = {
        "redaction.scope": scope.split(",") if scope and "," in scope else scope,
        "redaction.method": options.method,
        "output.audio": options.audio,
        "output.overwrite": True,
    }
    given |= {dotted: value for dotted, value in asked.items() if value is not None}
    found = load_settings(None, given)
    check_redaction(found)
    if options.audit and any(zone.mode == "ignore" for zone in found.redaction.zones):
        raise ConfigError(
            "an audit would report everybody in the zones that are ignored: leave it out"
        )
    return found.model_dump(mode="json", exclude_unset=True)
