"""`stream-anon labels`: what is in force."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from stream_anon.cli.console import out, say
from stream_anon.cli.options import Config, Engine, HowToHide, Rules, Scope, parse_rules
from stream_anon.config import load_settings
from stream_anon.core import dependencies
from stream_anon.errors import EXIT_OK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stream_anon.config import Settings
    from stream_anon.pipeline.in_force import InForce


def labels(
    scope: Scope = None,
    method: HowToHide = None,
    rules: Rules = None,
    engine: Engine = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config: Config = None,
) -> Callable[[], int]:
    """Print which labels these settings hide and how, which they do not, and what else is kept.

    It reads no video. With --config, that is the audit of a settings file.
    """
    dependencies.check()
    overrides = {
        "redaction.scope": scope,
        "redaction.method": method,
        "redaction.rules": parse_rules(rules),
        "parsing.engine": engine,
    }
    return partial(_print, load_settings(config, overrides), as_json=as_json)


def _print(settings: Settings, *, as_json: bool) -> int:
    from stream_anon.pipeline.in_force import in_force  # noqa: PLC0415 - loads late

    found = in_force(settings)
    if as_json:
        say(out, json.dumps(found.to_dict()))
    else:
        for line in _lines(found):
            say(out, line)
    return EXIT_OK


def _lines(found: InForce) -> Iterator[str]:
    width = max(len(one.label) for one in found.hidden)
    for one in found.hidden:
        by = ", ".join(one.detectors)
        yield f"hidden   {one.label:{width}}  {one.method}: {one.promise}; seen by {by}"
    only = "hidden where they lie under the above only"
    if found.clear:
        yield f"other    {', '.join(found.clear)}: seen; {only}"
    if found.unseen:
        yield f"unseen   {', '.join(found.unseen)}: no detector of this run sees them; {only}"
    for label in found.shown:
        yield f"shown    {label}: but for what is hidden above"
    for zone in found.zones:
        what = "ignored: nobody is hidden there"
        if zone.method:
            what = f"always hidden: {zone.method}: {zone.promise}"
        yield f"zone     {zone.name}  {what}"
    yield f"sound    {found.sound}; of live runs {found.live_sound}"
    yield f"kept     {', '.join(found.metadata) or 'no metadata'}"
    if found.sealed:
        yield "sealed   what is hidden is stored encrypted: pseudonymous, not anonymous"
    if found.mode == "debug":
        yield "debug    live previews may show raw pictures"
