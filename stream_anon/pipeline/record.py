"""Report, masks and tracks of a run, published with its output."""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryFile
from time import monotonic
from typing import IO, TYPE_CHECKING, Protocol

from stream_anon.core.files import HashedFile, JsonFile, PartFile, write_error
from stream_anon.core.stream_log import stream_logger
from stream_anon.detectors.labels import BACKGROUND
from stream_anon.detectors.scopes import names_any
from stream_anon.errors import ConfigError
from stream_anon.masking.masks_file import MasksReader, MasksWriter, is_compressed
from stream_anon.masking.masks_format import FrameMasks, Header
from stream_anon.masking.tracks_recorder import tracks_of
from stream_anon.pipeline.report import Summary, package_version, report_record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import ExitStack
    from fractions import Fraction
    from pathlib import Path

    from stream_anon.audit.sign import Signer
    from stream_anon.config import Settings
    from stream_anon.core.redacted import MaskedFrame, RedactedFrame
    from stream_anon.masking.edits import Edits
    from stream_anon.pipeline.excerpt import Selection
    from stream_anon.sources.base import Source

log = stream_logger(__name__)


class RecordedRun(Protocol):
    """The view of a run that its record needs."""

    settings: Settings
    input: HashedFile
    tracks: HashedFile | None
    masks_file: HashedFile | None
    edits_file: HashedFile | None
    edits: Edits
    engine: str
    model_hash: str
    selection: Selection
    apart: frozenset[str]
    """Labels that are in the masks of somebody hidden whole too, because of a rule."""

    @property
    def promises(self) -> dict[str, str]:
        """What each method promises, by its name."""

    @property
    def source(self) -> Source:
        """Open."""

    @property
    def expected_frames(self) -> int | None:
        """Of the output, an estimate for progress."""

    def check_input(self) -> None:
        """Refuse an input that the tracks or masks do not belong to."""

    def check_excerpt(self) -> None:
        """Refuse, at the end, an excerpt that had no frame."""

    def notes(self) -> list[str]:
        """Notes for the user: where the output differs from the request."""


class Sealed(Protocol):
    """A seal that is complete."""

    def named(self) -> tuple[Path, str]:
        """Its name and SHA-256."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Files to write along with the output, or without one."""

    report: Path | None = None
    """Counts and settings, as JSON."""
    tracks: Path | None = None
    """What was hidden, to edit."""
    masks: Path | None = None
    """What was hidden, exactly."""
    sealed: Path | None = None
    """What was hidden, encrypted. The run writes it itself."""

    @property
    def all(self) -> list[Path]:
        paths = (self.masks, self.tracks, self.report, self.sealed)
        return [path for path in paths if path is not None]


class Record:
    """Counts while the run goes on, and writes what was asked for before its output appears."""

    def __init__(
        self,
        stack: ExitStack,
        run: RecordedRun,
        wanted: Wanted,
        on_progress: Callable[[Summary], None] | None,
        signer: Signer | None = None,
    ) -> None:
        """Open what is written while the run goes on; closed with `stack`.

        Raises:
            ConfigError: what is hidden cannot be written as tracks.
            SinkError: nothing can be written there.
        """
        if wanted.tracks and not run.tracks and _hides_background(run.settings):
            raise ConfigError(
                "the background is no box, as tracks are: export masks instead (--export-masks)"
            )
        self._run = run
        overwrite = run.settings.output.overwrite
        self._report = JsonFile(wanted.report, overwrite=overwrite) if wanted.report else None
        self._tracks = JsonFile(wanted.tracks, overwrite=overwrite) if wanted.tracks else None
        masks = PartFile(wanted.masks, overwrite=overwrite) if wanted.masks else None
        self.files = [file.file for file in (self._tracks, self._report) if file is not None]
        """To be published with the output, which `prepare` makes whole."""
        if masks is not None:
            self.files.append(masks)
        for file in self.files:
            stack.callback(file.discard)
        self._masks: _MaskRecord | None = None
        if (path := wanted.masks or wanted.tracks) is not None:
            self._masks = _MaskRecord(stack, masks, path, _header(run))
        self._on_progress, self._signer = on_progress, signer
        self._began = monotonic()
        self.summary = Summary(expected_frames=run.expected_frames)

    def count(self, masked: MaskedFrame, redacted: RedactedFrame | None = None) -> None:
        """Take one frame into account.

        Raises:
            SinkError: its masks cannot be written.
        """
        self.summary.count(masked, redacted)
        self.summary.seconds = monotonic() - self._began
        if self._masks is not None:
            self._masks.write(masked)
        if self._on_progress is not None:
            self._on_progress(self.summary)

    def prepare(self) -> None:
        """Everything has been written and nothing has been completed yet.

        Raises:
            SinkError: something cannot be written.
        """
        run, summary = self._run, self.summary
        run.check_input()
        run.check_excerpt()
        losses = run.source.losses
        summary.lost_frames, summary.lost_packets = losses.frames, losses.packets
        summary.lost_reason = losses.reason
        summary.notes = run.notes()
        if self._masks is not None:
            self._masks.end(run.input.final_hash(), self._tracks)

    def report(
        self, output: Path | None, written: HashedFile | None, seal: Sealed | None = None
    ) -> None:
        """Write the report; everything else is complete, and nothing has been published yet.

        Args:
            output: name of the output; None where only masks were computed.
            written: where it lies until it gets that name; None where it went through a pipe.
            seal: of the output, complete, if there is one.

        Raises:
            SinkError: it cannot be written, or the output cannot be read.
        """
        if self._report is None:
            return
        run = self._run
        hashed = None
        if output is not None:
            with _written(output):
                hashed = (output, written.sha256 if written else None)
        record = report_record(
            self.summary,
            run.settings,
            run.input,
            engine=run.engine,
            model_hash=run.model_hash,
            tracks=run.tracks,
            masks=run.masks_file,
            edits=(run.edits_file, run.edits.to_json()) if run.edits_file else None,
            selection=run.selection,
            promises=run.promises,
            output=hashed,
            seal=seal.named() if seal is not None else None,
        )
        if self._signer is not None:
            record = self._signer.signed(record)
        self._report.prepare([json.dumps(record, indent=1), "\n"])

    def log(self) -> None:
        """All is there."""
        summary = self.summary
        summary.seconds = monotonic() - self._began
        log.info(
            "%d frames in %.1f s, %d with a detection pass, %d hidden whole",
            *(summary.frames, summary.seconds, summary.keyframes, summary.hidden_whole.total()),
        )


class _MaskRecord:
    """The record of masks of a run: a requested file, or an unnamed temporary one."""

    def __init__(self, stack: ExitStack, part: PartFile | None, path: Path, header: Header) -> None:
        self._path = path
        with _written(path):
            self._file = _open(part, path)
            stack.callback(self._file.close)
            compress = part is not None and is_compressed(path)
            self._writer = MasksWriter(self._file, header, compress=compress)
        stack.callback(self._writer.close)

    def write(self, masked: MaskedFrame) -> None:
        frame = masked.frame
        with _written(self._path):
            self._writer.write(FrameMasks(frame.index, frame.pts, masked.parts))

    def end(self, input_sha256: str | None, tracks: JsonFile | None) -> None:
        """Complete it, and write its view as tracks."""
        with _written(self._path):
            self._writer.end(input_sha256)
        if tracks is not None:
            path = tracks.file.path
            reader = MasksReader(self._file, self._path.name)
            with _written(path):
                tracks.prepare(tracks_of(reader, path.parent))
        self._file.close()


def _open(part: PartFile | None, path: Path) -> IO[bytes]:
    if part is None:
        return TemporaryFile(dir=path.parent)
    part.check()
    part.claim()
    return part.part.open("r+b")


def _header(run: RecordedRun) -> Header:
    info = run.source.info
    return Header(
        version=package_version(),
        width=info.width,
        height=info.height,
        time_base=_rational(info.time_base),
        rate=_rational(info.rate) if info.rate else None,
        frames=info.frames,
        engine=run.engine,
        model_sha256=run.model_hash or None,
        settings_sha256=_settings_hash(run.settings, run.apart),
    )


def _rational(value: Fraction) -> str:
    return f"{value.numerator}/{value.denominator}"


def _settings_hash(settings: Settings, apart: frozenset[str]) -> str:
    """SHA-256 of what masks depend on; the number of threads is not among it."""
    values = settings.model_dump(
        mode="json",
        include={
            "parsing": True,
            "keyframes": True,
            "m2fp": True,
            "masking": True,
            "background": True,
            "redaction": {"scope", "outline_epsilon"},
        },
    )
    for section in ("parsing", "m2fp"):
        values[section].pop("threads")
    values["redaction"]["apart"] = sorted(apart)
    if settings.redaction.zones:
        values["redaction"]["zones"] = [
            zone.model_dump(mode="json", exclude={"method"}) for zone in settings.redaction.zones
        ]
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _hides_background(settings: Settings) -> bool:
    return names_any(settings.redaction.scope, frozenset({BACKGROUND}))


@contextmanager
def _written(path: Path) -> Iterator[None]:
    """Raise `SinkError` about `path` for what the system raises inside."""
    try:
        yield
    except OSError as error:
        raise write_error(path, error) from error
