"""`stream-anon tokens`: who may enter the control room. A server that runs follows at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stream_anon.cli.console import out, say
from stream_anon.config import load_settings
from stream_anon.errors import EXIT_OK, ConfigError

if TYPE_CHECKING:
    from stream_anon.config import Web
    from stream_anon.web.security.tokens import Tokens
    from stream_anon.web.store.audit_log import AuditLog

Job = Callable[[], int]
tokens = typer.Typer(name="tokens", rich_markup_mode="rich")


class RoleName(StrEnum):
    """What somebody may do."""

    viewer = "viewer"
    operator = "operator"


Name = Annotated[str, typer.Argument(metavar="NAME", help="Whose.", show_default=False)]
Folder = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="The server's folder.", show_default=False)
]
Config = Annotated[
    Path | None,
    typer.Option(metavar="FILE.toml", help="The server's settings.", show_default=False),
]


@tokens.callback(invoke_without_command=True)
def _main(context: typer.Context) -> None:
    """List, add and remove the people who may enter the control room."""
    if context.invoked_subcommand is None:
        out.print(context.get_help(), markup=False)
        raise typer.Exit(ConfigError.exit_code)


@tokens.command("list")
def _list(folder: Folder = None, config: Config = None) -> Job:
    """List who has a token, and their role."""
    return partial(_show, folder, config)


@tokens.command("add")
def _add(
    name: Name,
    role: Annotated[RoleName, typer.Option(help="viewer or operator.")] = RoleName.viewer,
    folder: Folder = None,
    config: Config = None,
) -> Job:
    """Make a token for somebody, and show it this once."""
    return partial(_make, name, role, folder, config)


@tokens.command("renew")
def _renew(name: Name, folder: Folder = None, config: Config = None) -> Job:
    """Make a new token in place of somebody's; their logins end."""
    return partial(_make, name, None, folder, config)


@tokens.command("remove")
def _remove(name: Name, folder: Folder = None, config: Config = None) -> Job:
    """Remove somebody's token; their logins end."""
    return partial(_end, name, folder, config)


@tokens.command("link")
def _link(name: Name, folder: Folder = None, config: Config = None) -> Job:
    """Show a login link for somebody: good once, within an hour."""
    return partial(_show_link, name, folder, config)


@contextmanager
def _opened(folder: Path | None, config: Path | None) -> Iterator[tuple[Web, Tokens, AuditLog]]:
    from stream_anon.web.security.tokens import Tokens  # noqa: PLC0415 - loads late
    from stream_anon.web.store.audit_log import AuditLog  # noqa: PLC0415
    from stream_anon.web.store.folder import private_folder  # noqa: PLC0415
    from stream_anon.web.store.store import Store  # noqa: PLC0415

    web = load_settings(config, {"web.folder": folder and str(folder)}).web
    with closing(Store(private_folder(web.folder))) as store, store.changing():
        yield web, Tokens(store), AuditLog(store)


def _show(folder: Path | None, config: Path | None) -> int:
    with _opened(folder, config) as (_, known, _log):
        people = known.people()
    for token in people:
        say(out, f"{token.name}: {token.role.value}")
    if not people:
        say(out, "nobody has a token: stream-anon tokens add NAME, or start the server")
    return EXIT_OK


def _make(name: str, role: RoleName | None, folder: Path | None, config: Path | None) -> int:
    from stream_anon.web.security.who import HOST, Role  # noqa: PLC0415 - loads late

    with _opened(folder, config) as (_, known, log):
        text = known.renew(name) if role is None else known.add(name, Role(role.value))
        log.add(HOST, "renew token" if role is None else "add token", name)
    say(out, f"{name}'s token, shown this once: {text}")
    return EXIT_OK


def _end(name: str, folder: Path | None, config: Path | None) -> int:
    from stream_anon.web.security.who import HOST  # noqa: PLC0415 - loads late

    with _opened(folder, config) as (_, known, log):
        known.remove(name)
        log.add(HOST, "remove token", name)
    say(out, f"removed the token of {name}")
    return EXIT_OK


def _show_link(name: str, folder: Path | None, config: Path | None) -> int:
    from stream_anon.web.listening import address_of  # noqa: PLC0415 - loads late
    from stream_anon.web.security.who import HOST  # noqa: PLC0415

    with _opened(folder, config) as (web, known, log):
        text = known.link(name)
        log.add(HOST, "make login link", name)
    say(out, f"for {name}, once and within an hour: {address_of(web, web.port)}/login?token={text}")
    return EXIT_OK
