"""`stream-anon unseal`: bring one person back, for those who hold the key."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stream_anon.cli.console import count, err, log_to_console, out, say
from stream_anon.core import dependencies
from stream_anon.errors import EXIT_OK, ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence


def unseal(
    redacted: Annotated[
        Path, typer.Argument(metavar="REDACTED", help="The redacted video, unchanged.")
    ],
    sealed: Annotated[
        Path, typer.Argument(metavar="SEALED", help="The seal that was written with it.")
    ],
    output: Annotated[
        Path | None,
        typer.Argument(
            metavar="OUT", help="Where to; .mkv is written without loss. Not with --list."
        ),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The secret key, as age-keygen writes it."),
    ] = None,
    tracks: Annotated[
        list[str] | None,
        typer.Option(
            "--track",
            metavar="N",
            help="Whom to bring back; may be repeated. whole stands for frames hidden whole.",
        ),
    ] = None,
    list_tracks: Annotated[
        bool, typer.Option("--list", help="Tell who is in the seal, and write nothing.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing OUT.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
) -> Callable[[], int]:
    """Bring back somebody whom redact --seal has hidden, and nobody else.

    Where two people overlap, those pixels come back only if both are named.
    """
    log_to_console("error" if quiet else "warning")
    if key is None:
        raise ConfigError("name the file with the secret key: --key FILE")
    if list_tracks:
        if output is not None or tracks:
            raise ConfigError("--list writes nothing: leave out OUT and --track, or --list")
        dependencies.check()
        return partial(_list, redacted, sealed, key)
    if output is None:
        raise ConfigError("name OUT, where to write the video, or see who is in it with --list")
    dependencies.check()
    return partial(
        _unseal, redacted, sealed, output, key, tracks or [], overwrite=overwrite, quiet=quiet
    )


def _list(redacted: Path, sealed: Path, key: Path) -> int:
    from stream_anon.pipeline.unsealing import sealed_tracks_of  # noqa: PLC0415 - loads late

    found = sealed_tracks_of(redacted, sealed, key)
    for one in found:
        labels = f" ({', '.join(one.labels)})" if one.labels else ""
        say(
            out,
            f"track {one.track}{labels}: {count(one.frames, 'frame')}, {one.first} to {one.last}",
        )
    if not found:
        say(out, "nobody is in the seal: nothing was hidden")
    return EXIT_OK


def _unseal(
    redacted: Path,
    sealed: Path,
    output: Path,
    key: Path,
    tracks: Sequence[str],
    *,
    overwrite: bool,
    quiet: bool,
) -> int:
    from stream_anon.pipeline.unsealing import unseal_file  # noqa: PLC0415 - loads late

    result = unseal_file(redacted, sealed, output, key=key, tracks=tracks, overwrite=overwrite)
    if not quiet:
        say(
            out,
            f"{output}: {count(result.frames, 'frame')}, {result.restored} with somebody restored",
        )
        for note in result.notes:
            say(err, f"note: {note}")
    return EXIT_OK
