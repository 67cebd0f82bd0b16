"""`stream-anon redact`: recorded videos and pictures."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stream_anon.cli.console import log_to_console
from stream_anon.cli.options import (
    Audit,
    Begin,
    Captions,
    Cells,
    Color,
    Config,
    Edits,
    Effort,
    Encoder,
    End,
    Engine,
    ExportMasks,
    ExportTracks,
    Format,
    HowToHide,
    Keep,
    KeepMetadata,
    KeepSubtitles,
    LogAt,
    LogLevel,
    Masks,
    MasksOnly,
    Only,
    OutputDir,
    Overwrite,
    Preset,
    Quality,
    Quiet,
    Recursive,
    ReplaceWith,
    Report,
    Rules,
    Scope,
    Seal,
    Sealed,
    Sign,
    Sound,
    Suffix,
    Tracks,
    Trim,
    VideoTrack,
    parse_people,
    parse_rules,
)
from stream_anon.config import load_settings
from stream_anon.core import dependencies
from stream_anon.core.address import parse_time
from stream_anon.core.clear import Clear
from stream_anon.core.credentials import name_shown, scheme_of
from stream_anon.errors import ConfigError, SinkError

if TYPE_CHECKING:
    from stream_anon.cli.jobs import Request

PIPE = "-"
"""Standard input, or standard output."""
EPILOG = """Exit codes
  0    done
  2    wrong arguments or settings
  3    the input cannot be read; with --audit also: the output still shows a face
  4    the output cannot be written
  5    the parser failed, or a library that it needs is missing or broken
  6    done, but part of the input could not be decoded, or the output not be audited
  130  interrupted
  1    anything else
There is an output only with 0 or 6, and after an audit. With --output-dir, one input's error does
not end the others: the code is that of the first error, or else 3 (a face is exposed), 6 or 0."""


def redact(
    source: Annotated[
        list[str] | None,
        typer.Argument(metavar="INPUT...", help="Video or picture to redact; - reads a pipe."),
    ] = None,
    output: Annotated[
        str | None,
        typer.Argument(
            metavar="OUTPUT",
            help="Redacted video; its extension selects the format. - writes to a pipe. Not with "
            "--output-dir.",
        ),
    ] = None,
    scope: Scope = None,
    method: HowToHide = None,
    rules: Rules = None,
    cells: Cells = None,
    color: Color = None,
    caption: Captions = None,
    replace_with: ReplaceWith = None,
    engine: Engine = None,
    effort: Effort = None,
    tracks: Tracks = None,
    keep: Keep = None,
    only: Only = None,
    masks: Masks = None,
    edits: Edits = None,
    begin: Begin = None,
    end: End = None,
    trim: Trim = False,
    video_track: VideoTrack = None,
    audio: Sound = None,
    keep_subtitles: KeepSubtitles = False,
    keep_metadata: KeepMetadata = None,
    encoder: Encoder = None,
    preset: Preset = None,
    quality: Quality = None,
    container: Format = None,
    overwrite: Overwrite = False,
    output_dir: OutputDir = None,
    suffix: Suffix = None,
    recursive: Recursive = False,
    config: Config = None,
    report: Report = None,
    sign: Sign = None,
    audit: Audit = False,
    export_tracks: ExportTracks = None,
    export_masks: ExportMasks = None,
    masks_only: MasksOnly = None,
    seal: Seal = None,
    sealed: Sealed = None,
    quiet: Quiet = False,
    log_level: LogAt = LogLevel.warning,
) -> Callable[[], int]:
    """Hide the faces in recorded video: INPUT goes in, OUTPUT comes out.

    Several inputs (files, folders, patterns in quotes) go into --output-dir.
    Sound and metadata are dropped unless requested. OUTPUT
    appears under its name only when it is complete. Defaults are in brackets.
    """
    log_to_console("error" if quiet else log_level.value)
    settings = load_settings(
        config,
        {
            "redaction.scope": scope,
            "redaction.method": "avatar" if method is None and replace_with else method,
            "redaction.rules": parse_rules(rules),
            "redaction.cells": cells,
            "redaction.color": color,
            "redaction.caption": caption,
            "redaction.replace_with": replace_with and str(replace_with),
            "output.audio": audio,
            "output.keep_subtitles": keep_subtitles or None,
            "output.keep_metadata": keep_metadata,
            "output.encoder": encoder,
            "output.preset": preset,
            "output.quality": quality,
            "output.overwrite": overwrite or None,
            "output.seal": seal or None,
            "parsing.engine": engine,
            "parsing.effort": effort,
        },
    )
    if masks_only and export_masks:
        raise ConfigError("name --masks-only or --export-masks, not both: they are the same record")
    clear = Clear(parse_people(keep, "--keep"), parse_people(only, "--only"))
    clear.check(tracks)
    files = {
        "report": report,
        "tracks": tracks,
        "masks": masks,
        "edits": edits,
        "export_tracks": export_tracks,
        "export_masks": export_masks or masks_only,
        "sign": sign,
        "sealed": sealed,
    }
    # The parser gives the last argument to OUTPUT, also where it is the only one.
    names = [*(source or ()), *([] if output is None else [output])]
    dependencies.check()
    from stream_anon.cli.jobs import Request  # noqa: PLC0415 - loads late

    request = Request(
        settings,
        begin=None if begin is None else parse_time(begin),
        end=None if end is None else parse_time(end),
        trim=trim,
        video_track=video_track,
        files=files,
        clear=clear,
        quiet=quiet,
        audit=audit,
    )
    if output_dir is not None:
        return _several(request, names, output_dir, suffix, container, recursive=recursive)
    if suffix is not None or recursive:
        given = "--suffix" if suffix is not None else "--recursive"
        raise ConfigError(f"{given} is for several inputs: name their --output-dir FOLDER too")
    return _one(request, names, container, masks_only=masks_only is not None)


def _several(
    request: Request,
    names: list[str],
    folder: Path,
    suffix: str | None,
    container: str | None,
    *,
    recursive: bool,
) -> Callable[[], int]:
    from stream_anon.cli.several import redact_several  # noqa: PLC0415 - loads late

    if not names:
        raise ConfigError("no input given: name files, folders or patterns before --output-dir")
    for name, file in request.files.items():
        if file is not None:
            option = f"--{name.replace('_', '-')}"
            raise ConfigError(
                f"{option} is for one input: name INPUT and OUTPUT instead of --output-dir"
            )
    return partial(
        redact_several,
        request,
        names,
        folder,
        suffix=suffix or "",
        container=container,
        recursive=recursive,
    )


def _one(
    request: Request, names: list[str], container: str | None, *, masks_only: bool
) -> Callable[[], int]:
    if not names:
        raise ConfigError(
            "no input given: name INPUT and OUTPUT, or inputs and --output-dir. "
            "See: stream-anon redact --help"
        )
    if len(names) > 2:
        shown = _shown(names[-1])
        raise ConfigError(
            f"{len(names)} files are named, the last of them {shown}: several inputs need "
            "--output-dir FOLDER, and a pattern that the shell is not to expand needs quotes"
        )
    source, output = names[0], names[1] if len(names) == 2 else None
    if (output is None) != masks_only:
        raise ConfigError(
            "name either OUTPUT or, for the masks alone, --masks-only FILE, not both; several "
            "inputs need --output-dir FOLDER"
        )
    if output == PIPE:
        if container is None:
            raise ConfigError("standard output (-) has no extension: name the --format, as in mkv")
        from stream_anon.cli.jobs import redact_to_pipe  # noqa: PLC0415 - loads late

        return partial(redact_to_pipe, request, source, container)
    if output is not None and Path(output).is_dir():
        raise SinkError(f"{output} is a folder: name a file, or fill it with --output-dir {output}")
    if container is not None:
        raise ConfigError(
            "--format is for standard output (-) and --output-dir: OUTPUT has its extension"
        )
    from stream_anon.cli.several import redact_one  # noqa: PLC0415 - loads late

    return partial(redact_one, request, source, None if output is None else Path(output))


def _shown(name: str) -> str:
    return name_shown(name) if scheme_of(name) or "@" in name else Path(name).name
