"""Where M2FP's weights and the networks converted from them lie on this machine.

$XDG_DATA_HOME/stream_anon/models/m2fp/    configuration.json, pytorch_model.pt
$XDG_CACHE_HOME/stream_anon/networks/      converted networks, a folder each; may be deleted
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from stream_anon.detectors.folders import models_dir
from stream_anon.detectors.m2fp.configuration import model_files
from stream_anon.errors import ModelError


def model_dir() -> Path:
    """The folder of the installed model; it need not exist."""
    return models_dir() / "m2fp"


def is_installed(folder: Path | None = None) -> bool:
    """Whether both files of the model are there; says nothing about what is in them.

    Raises:
        ModelError: the folder may not be looked into.
    """
    folder = folder or model_dir()
    try:
        return all(path.is_file() for path in model_files(folder))
    except OSError as error:
        reason = (error.strerror or "failed").lower()
        raise ModelError(f"cannot read {folder}: {reason}; check its permissions") from error


def checkpoint_hash(model_dir: Path) -> str:
    """SHA-256 over configuration and checkpoint, hexadecimal.

    Raises:
        ModelError: one of them cannot be read.
    """
    digest = hashlib.sha256()
    for path in model_files(model_dir):
        try:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            reason = (error.strerror or "failed").lower()
            raise ModelError(f"cannot read {path}: {reason}") from error
    return digest.hexdigest()
