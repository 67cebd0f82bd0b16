"""An audit of a redacted recording against its original, from paths to findings and files."""

from __future__ import annotations

import json
import math
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stream_anon.audit.aligning import Cut
from stream_anon.audit.findings import Findings
from stream_anon.audit.page import page
from stream_anon.audit.sign import load_signer
from stream_anon.core.files import JsonFile, check_target, publish
from stream_anon.core.process_state import single_threaded_opencv
from stream_anon.errors import ConfigError, SinkError
from stream_anon.masking.tracks_file import load_tracks
from stream_anon.pipeline.audit_run import AuditRun, Told
from stream_anon.pipeline.paths import check_paths

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike


@dataclass(frozen=True, slots=True)
class AuditFiles:
    """Files to read and write besides the two videos."""

    tracks: Path | None = None
    """A tracks file: its people are judged too, those with `"hide": false` are left clear."""
    html: Path | None = None
    record: Path | None = None
    """The JSON record."""
    sign: Path | None = None
    """A private key in PEM format that the record is signed with."""
    overwrite: bool = False

    def __post_init__(self) -> None:
        for name in ("tracks", "html", "record", "sign"):
            if (given := getattr(self, name)) is not None:
                object.__setattr__(self, name, Path(given))

    @property
    def written(self) -> list[Path]:
        return [path for path in (self.html, self.record) if path is not None]


NO_FILES = AuditFiles()


def audit_file(
    original: str | PathLike[str],
    redacted: str | PathLike[str],
    files: AuditFiles = NO_FILES,
    *,
    video_track: int | None = None,
    offset: float | None = None,
    on_progress: Told | None = None,
) -> Findings:
    """Look for faces in a recording, and tell which of them its redacted version still shows.

    Nothing is known of how it was redacted. The original is read twice: once to find everybody,
    with what came later known, and once beside the redacted video.

    Args:
        original: the recording with the faces; a picture will do.
        redacted: the same after redaction, by whatever program.
        files: others that are read and written.
        video_track: of the original, from 1; None for the one that players show.
        offset: seconds of the original at which the redacted video begins, where it is a part of
            it. None takes the range that the report of `redact --trim` names, if it lies in the
            redacted video's folder, and otherwise expects the whole.
        on_progress: called after each frame.

    Raises:
        StreamAnonError: nothing was found out, and nothing is written.
    """
    cut = None if offset is None else Cut(_checked(offset))
    return audit_part(original, redacted, files, cut, video_track, on_progress)


def audit_part(
    original: str | PathLike[str],
    redacted: str | PathLike[str],
    files: AuditFiles,
    cut: Cut | None,
    video_track: int | None = None,
    on_progress: Told | None = None,
) -> Findings:
    """As `audit_file`, of a part that is known."""
    original, redacted = Path(original), Path(redacted)
    _check(original, redacted, files)
    signer = load_signer(files.sign) if files.sign else None
    tracks = load_tracks(files.tracks) if files.tracks else None
    with ExitStack() as stack:
        stack.enter_context(single_threaded_opencv)
        run = AuditRun(stack, original, redacted, video_track, on_progress or _silent, cut)
        if tracks is not None:
            run.check_tracks(tracks)
        findings = run.findings(tracks)
        record = run.record(findings)
        if signer is not None:
            record = signer.signed(record)
        _write(stack, files, findings, record)
    return findings


def _checked(offset: float) -> float:
    if not (math.isfinite(offset) and offset >= 0):
        raise ConfigError(
            f"the offset is {offset:g} s: it counts from the beginning of the original, from 0 on"
        )
    return float(offset)


def _silent(what: str, done: int, total: int | None) -> None:
    pass


def _check(original: Path, redacted: Path, files: AuditFiles) -> None:
    if files.sign is not None and files.record is None:
        raise ConfigError("a signature stands in the JSON record: name a file for it, too")
    read = [path for path in (redacted, files.tracks, files.sign) if path is not None]
    try:
        check_paths(original, read, files.written)
        for path in files.written:
            if not path.parent.is_dir():
                raise SinkError(f"the folder {path.parent} does not exist: create it first")
            check_target(path, overwrite=files.overwrite)
    except (OSError, ValueError) as error:
        raise ConfigError(f"a file name cannot be used: {error}") from error


def _write(stack: ExitStack, files: AuditFiles, findings: Findings, record: dict[str, Any]) -> None:
    """Write all files or none."""
    texts: list[tuple[Path, Iterator[str]]] = []
    if files.html is not None:
        texts.append((files.html, page(findings, record)))
    if files.record is not None:
        texts.append((files.record, iter([json.dumps(record, indent=1), "\n"])))
    made = [(JsonFile(path, overwrite=files.overwrite), text) for path, text in texts]
    for file, text in made:
        stack.callback(file.discard)
        file.prepare(text)
    publish(*(file.file for file, _ in made))
