"""Which part of a recording a redacted one shows, as the report of its run says."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

from stream_anon.audit.aligning import Cut
from stream_anon.audit.custody import original_hash, output_hash, read_record
from stream_anon.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

    from stream_anon.core.files import HashedFile

MOST_FILES = 200
"""JSON files beside a video that are looked into."""
_MARK = '"stream_anon_report"'
_HEAD = 200
"""Bytes at the beginning of a report that have its mark."""


def cut_of_trim(begin: float | None, end: float | None, source: str) -> Cut:
    """The part that a run with `--trim` writes.

    Args:
        begin: `--from`, in seconds; None for the beginning.
        end: `--to`; None for the end.
        source: who says so.
    """
    return Cut(begin or 0.0, math.inf if end is None else end, snaps=False, source=source)


def cut_beside(original: HashedFile, redacted: HashedFile) -> Cut | None:
    """The part that a report in the redacted file's folder names; None where there is none.

    It counts only if the hashes in it are those of both files, so its name does not matter.
    """
    try:
        beside = sorted(redacted.path.parent.glob("*.json"))[:MOST_FILES]
    except OSError:
        return None
    for path in beside:
        record = _report(path)
        if record is None or output_hash(record) != redacted.sha256:
            continue
        named = record.get("range")
        if isinstance(named, dict) and original_hash(record) == original.sha256:
            return _cut(named, path.name)
    return None


def _report(path: Path) -> Mapping[str, Any] | None:
    try:
        with path.open(encoding="utf-8") as file:
            if _MARK not in file.read(_HEAD):
                return None
        return read_record(path)
    except (OSError, ValueError, ConfigError):
        return None


def _cut(named: Mapping[str, Any], name: str) -> Cut | None:
    begin, end = named.get("from"), named.get("to")
    if named.get("trim") is not True or not _is_time(begin) or not (end is None or _is_time(end)):
        return None
    return cut_of_trim(begin, end, f"the report {json.dumps(name, ensure_ascii=False)[1:-1]}")


def _is_time(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return math.isfinite(value) and value >= 0
