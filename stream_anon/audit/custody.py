"""Chain of custody: hashes of all that took part in a run, in a record that can be signed."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, cast

from stream_anon.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from importlib.resources.abc import Traversable
    from pathlib import Path

KINDS = {"stream_anon_report": "output", "stream_anon_audit": "redacted"}
"""Records by their mark, and the field that names the redacted file."""
ORIGINALS = {"stream_anon_report": "input", "stream_anon_audit": "original"}
SEAL = "seal"
MOST = 1 << 29
"""Bytes of the largest record that is read."""


def canonical(value: object) -> bytes:
    """A JSON value as bytes: the same for the same content, however it was laid out."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return text.encode()


def hash_of(value: object) -> str:
    """SHA-256 of a JSON value, hexadecimal."""
    return hashlib.sha256(canonical(value)).hexdigest()


@cache
def program_sha256() -> str:
    """SHA-256 over the names and contents of this package's source files."""
    total = hashlib.sha256()
    for name, file in sorted(_sources(files("stream_anon"), "")):
        total.update(f"{name}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


def _sources(folder: Traversable, inside: str) -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        name = f"{inside}{entry.name}"
        if entry.is_dir():
            yield from _sources(entry, f"{name}/")
        elif name.endswith(".py"):
            yield name, entry


def read_record(path: Path) -> dict[str, Any]:
    """A report or an audit.

    Raises:
        ConfigError: it cannot be read, or is neither.
    """
    try:
        if path.stat().st_size > MOST:
            raise ConfigError(f"{path} is too large for a report or an audit: name another file")
        record = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        reason = (error.strerror or "failed").lower()
        raise ConfigError(f"cannot read the report {path}: {reason}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not a report or an audit: it is no JSON") from error
    if not isinstance(record, dict) or _mark(record) is None:
        raise ConfigError(
            f"{path} is not a report or an audit: name what --report or audit --json wrote"
        )
    return cast("dict[str, Any]", record)


def _mark(record: Mapping[str, Any]) -> str | None:
    return next((mark for mark in KINDS if mark in record), None)


def output_hash(record: Mapping[str, Any]) -> str | None:
    """SHA-256 of the redacted file that a record is about; None where it does not say."""
    return _sha256(record, KINDS[_mark(record) or "stream_anon_report"])


def original_hash(record: Mapping[str, Any]) -> str | None:
    """The same of the original."""
    return _sha256(record, ORIGINALS[_mark(record) or "stream_anon_report"])


def seal_hash(record: Mapping[str, Any]) -> str | None:
    """The same of the seal that was written with the redacted file."""
    return _sha256(record, SEAL)


def _sha256(record: Mapping[str, Any], field: str) -> str | None:
    named = record.get(field)
    value = named.get("sha256") if isinstance(named, dict) else None
    return value if isinstance(value, str) else None


def settings_agree(record: Mapping[str, Any]) -> bool:
    """Whether a record's settings have the hash that it gives for them."""
    return bool(record.get("settings_sha256") == hash_of(record.get("settings")))
