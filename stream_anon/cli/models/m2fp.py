"""m2fp: fetched from ModelScope's hub or imported, converted, checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from stream_anon.cli.console import err, out, say
from stream_anon.cli.models.showing import agreed, show_model
from stream_anon.detectors.m2fp import hub, store
from stream_anon.errors import EXIT_OK, EXIT_UNEXPECTED, ModelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Picture = NDArray[np.float32]

M2FP = "m2fp"
LICENCE = f"{hub.LICENCE}: not for commercial use"


def show() -> None:
    """What `models list` says of it."""
    folder = store.model_dir()
    installed = folder if store.is_installed(folder) else None
    size = f"about {hub.MEGABYTES} MB"
    show_model(M2FP, "people and their parts", LICENCE, size, installed, folder)
    if installed:
        made = ", ".join(_conversions(folder)) or "no: stream-anon models convert m2fp"
        say(out, f"  converted  {made}")
    else:
        say(out, "  to get it  stream-anon models fetch m2fp")


def _conversions(folder: Path) -> list[str]:
    from stream_anon.detectors.m2fp.convert import all_converted  # noqa: PLC0415

    return [
        f"{made.precision}{f' for {made.short_side}' * bool(made.short_side)} ({made.path.parent})"
        for made in all_converted(folder)
    ]


def fetch(yes: bool) -> int:
    """Download, install and convert it, once its licence is accepted."""
    target = store.model_dir()
    replaced = " (replaces the model that is there)" if store.is_installed(target) else ""
    host = hub.hub_name()
    hub.check_packages("modelscope", "torch")
    say(out, f"model    {M2FP}, about {hub.MEGABYTES} MB: {hub.MODEL}")
    say(out, f"licence  {LICENCE}")
    say(out, f"from     {host}")
    say(out, f"to       {target}{replaced}")
    if not (yes or agreed()):
        say(err, "nothing was downloaded")
        return EXIT_UNEXPECTED
    with _progress_line() as update:
        hub.fetch(target, on_progress=update)
    return _installed(target)


def import_(source: Path) -> int:
    """Install and convert what lies in a folder."""
    target = store.model_dir()
    hub.import_folder(source, target)
    say(out, f"licence  {LICENCE}")
    return _installed(target)


def _installed(folder: Path) -> int:
    """Convert at once, so that redacting needs neither PyTorch nor the time."""
    say(out, f"{M2FP} is installed in {folder}")
    say(out, "converting, about half a minute")
    return _convert_to(folder, "fp32", [], 0)


def convert(precision: Literal["fp32", "int8"], size: int, files: list[Path]) -> int:
    """Convert what is installed, calibrated on pictures of `files`."""
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


def check() -> int:
    """Check that it computes correctly here."""
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
