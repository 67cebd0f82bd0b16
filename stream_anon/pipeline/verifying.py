"""Checks a report or an audit against the files that it is about."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from stream_anon.audit.custody import (
    original_hash,
    output_hash,
    program_sha256,
    read_record,
    seal_hash,
    settings_agree,
)
from stream_anon.audit.sign import FIELD, load_public_key, signer_of
from stream_anon.core.files import HashedFile
from stream_anon.errors import CustodyError, SourceError
from stream_anon.pipeline.sealing import seal_beside

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike


def verify_record(
    report: str | PathLike[str],
    output: str | PathLike[str],
    *,
    original: str | PathLike[str] | None = None,
    key: str | PathLike[str] | None = None,
    sealed: str | PathLike[str] | None = None,
) -> list[str]:
    """Check that a redacted file is the one that a record is about.

    Args:
        report: a report of a run, or the record of an audit.
        output: the redacted file.
        original: the input; None leaves it unchecked.
        key: a public key in PEM format, by which the record must be signed; None takes any, and
            none at all.
        sealed: the seal; None takes the one beside the output, if there is one.

    Returns:
        Notes: what was not checked, or is different.

    Raises:
        ConfigError: the report or the key cannot be read.
        SourceError: a file cannot be read.
        CustodyError: something is not as the record says.
    """
    report, output = Path(report), Path(output)
    public = load_public_key(Path(key)) if key is not None else None
    record = read_record(report)
    notes: list[str] = []
    signer = signer_of(record, public)
    if signer is None and (public is not None or FIELD in record):
        raise CustodyError(
            f"the signature of {report} is not valid: it was changed, or another key signed it"
            if FIELD in record
            else f"{report} is not signed: ask for the signed one, or leave --key out"
        )
    if signer is None:
        notes.append("the report is not signed: whoever can write to it could have changed it")
    elif public is None:
        notes.append(f"signed with the key {signer}: name the --key to be sure whose it is")
    if not settings_agree(record):
        raise CustodyError(f"the settings in {report} were changed: their hash is another one")
    _compare(output, output_hash(record), "the output", report)
    if original is not None:
        _compare(Path(original), original_hash(record), "the original", report)
    notes += _check_seal(record, output, Path(sealed) if sealed is not None else None, report)
    program = record.get("program")
    if isinstance(program, dict) and program.get("sha256") != program_sha256():
        notes.append(f"made by another version of the program: {program.get('version')}")
    return notes


def _check_seal(
    record: Mapping[str, Any], output: Path, sealed: Path | None, report: Path
) -> list[str]:
    """Compare the seal that is named, or lies beside the output; notes where none was compared."""
    expected, beside = seal_hash(record), seal_beside(output)
    found = sealed if sealed is not None else beside if beside.exists() else None
    if found is None:
        left = f"the seal was not checked: it is not at {beside}, so name it with --sealed"
        return [left] if expected is not None else []
    if sealed is None and expected is None:
        return [f"{report} does not know of the seal {beside}: it was not checked"]
    _compare(found, expected, "the seal", report)
    return []


def _compare(path: Path, expected: str | None, what: str, report: Path) -> None:
    if expected is None:
        raise CustodyError(f"{report} does not name the hash of {what}: nothing can be verified")
    try:
        found = HashedFile(path).sha256
    except OSError as error:
        reason = (error.strerror or "failed").lower()
        raise SourceError(f"{path} cannot be read: {reason}") from error
    if found != expected:
        raise CustodyError(
            f"{path} is not {what} that {report} is about: its SHA-256 is {found[:16]}…, not "
            f"{expected[:16]}…"
        )
