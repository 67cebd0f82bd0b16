"""Installed weights: $XDG_DATA_HOME/stream_anon/models/NAME/, with the files of the catalogue."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from stream_anon.detectors.folders import models_dir
from stream_anon.detectors.weights.catalogue import CATALOGUE
from stream_anon.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path


def folder(name: str) -> Path:
    """Where the set `name` of the catalogue is installed; it need not exist."""
    return models_dir() / CATALOGUE[name].name


def is_installed(name: str) -> bool:
    """Whether all files of a set are there; says nothing about what is in them.

    Raises:
        ModelError: the folder may not be looked into.
    """
    place = folder(name)
    try:
        return all((place / file).is_file() for file in CATALOGUE[name].files)
    except OSError as error:
        reason = (error.strerror or "failed").lower()
        raise ModelError(f"cannot read {place}: {reason}; check its permissions") from error


def check(name: str) -> None:
    """Read all files of an installed set.

    Raises:
        ModelError: one is missing, cannot be read, or its hash is another one.
    """
    for file in CATALOGUE[name].files:
        read(name, file)


def read(name: str, file: str) -> bytes:
    """One file of a set, the very one that the catalogue names.

    Args:
        name: of the set.
        file: its name without a folder, as in `WeightSet.files`.

    Raises:
        ModelError: it is missing, cannot be read, or its hash is another one; says how to get it.
    """
    row, path = CATALOGUE[name], folder(name) / file
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise ModelError(
            f"the weights {name} are not on this machine: get them {row.how_to_get}"
        ) from error
    except OSError as error:
        reason = (error.strerror or "failed").lower()
        raise ModelError(f"cannot read {path}: {reason}") from error
    found, expected = hashlib.sha256(content).hexdigest(), row.files[file]
    if found != expected:
        raise ModelError(
            f"{path} is not the expected file (SHA-256 {found[:16]}…, expected {expected[:16]}…): "
            f"get the weights again {row.how_to_get}"
        )
    return content
