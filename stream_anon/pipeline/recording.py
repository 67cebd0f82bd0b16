"""From settings and paths to objects, and the one call that runs them."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from stream_anon.audit.sign import load_signer
from stream_anon.core.clear import NOBODY, Clear
from stream_anon.core.files import HashedFile, publish
from stream_anon.core.process_state import single_threaded_opencv
from stream_anon.errors import ConfigError
from stream_anon.pipeline import threads as pipeline
from stream_anon.pipeline.excerpt import Selection
from stream_anon.pipeline.paths import check_asked, check_beside, check_paths
from stream_anon.pipeline.record import Record, Wanted
from stream_anon.pipeline.recording_run import RecordingRun
from stream_anon.pipeline.sealing import Seal, seal_path, with_public_keys
from stream_anon.redaction.redactor import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from stream_anon.config import Settings
    from stream_anon.pipeline.report import Summary
    from stream_anon.sinks.file import MediaSink
    from stream_anon.sinks.pipe import Pipe

EVERYTHING = Selection()
PIPED = "standard output"


def redact_file(
    source_path: Path,
    output: Path | Pipe | None,
    settings: Settings,
    *,
    selection: Selection = EVERYTHING,
    report: Path | None = None,
    tracks: Path | None = None,
    clear: Clear = NOBODY,
    masks: Path | None = None,
    edits: Path | None = None,
    export_tracks: Path | None = None,
    export_masks: Path | None = None,
    sign: Path | None = None,
    sealed: Path | None = None,
    on_progress: Callable[[Summary], None] | None = None,
) -> Summary:
    """Redact one recorded video or picture, or only compute its masks.

    Args:
        source_path: the input.
        output: the output; a file's ending chooses the container. None with `export_masks`:
            nothing is rendered.
        settings: everything else.
        selection: what of the input is redacted.
        report: write the record of the run here, as JSON.
        tracks: hide what this file says instead of looking for faces.
        clear: who of them is left clear.
        masks: hide exactly what this record of masks says instead of looking for faces.
        edits: corrections of that record, by somebody who has looked at it.
        export_tracks: write what was hidden here, as JSON to edit.
        export_masks: write the record of masks here; `.gz` compresses it.
        sign: a private key in PEM format (Ed25519) that the report is signed with.
        sealed: write the seal here instead of beside the output, where `output.seal` asks for one.
        on_progress: called after each frame.

    Raises:
        StreamAnonError: with no output under its name.
    """
    settings = with_public_keys(settings)
    sealed = seal_path(output, settings, sealed)
    wanted = Wanted(report, export_tracks, export_masks, sealed)
    check_asked(output, wanted, tracks, masks, edits)
    if sign is not None and report is None:
        raise ConfigError("a signature stands in the report: name a file for the report, too")
    clear.check(tracks)
    outputs = [output, *wanted.all] if isinstance(output, Path) else wanted.all
    try:
        check_paths(source_path, [path for path in (tracks, masks, edits, sign) if path], outputs)
        check_beside(settings, wanted.all)
    except (OSError, ValueError) as error:
        raise ConfigError(f"a file name cannot be used: {error}") from error
    signer = load_signer(sign) if sign is not None else None
    with ExitStack() as stack:
        stack.enter_context(single_threaded_opencv)
        run = RecordingRun(stack, source_path, settings, tracks, masks, selection, clear, edits)
        record = Record(stack, run, wanted, on_progress, signer)
        if output is None:
            _only_masks(run, record)
        else:
            seal = Seal(stack, sealed, settings, run.source.info.color) if sealed else None
            sink = run.open_sink(stack, output, record.files, seal)
            sink.on_complete = partial(_completed, record, output, seal)
            _render(run, record, sink, seal)
    record.log()
    return record.summary


@contextmanager
def detecting(
    source: Path, settings: Settings, video_track: int | None, written: Sequence[Path]
) -> Iterator[RecordingRun]:
    """A run on a whole recording that writes no video, for whoever computes its masks.

    Args:
        source: the recording.
        settings: of the run.
        video_track: from 1; None for the one that players show.
        written: files that come of it.

    Raises:
        StreamAnonError: it cannot be run like this.
    """
    try:
        check_paths(source, [], written)
        check_beside(settings, written)
    except (OSError, ValueError) as error:
        raise ConfigError(f"a file name cannot be used: {error}") from error
    with ExitStack() as stack:
        stack.enter_context(single_threaded_opencv)
        yield RecordingRun(stack, source, settings, None, None, Selection(video_track=video_track))


def _completed(
    record: Record, output: Path | Pipe, seal: Seal | None, written: Path | None
) -> None:
    """Finish what holds the output's hash: the output is complete, and nothing is published yet.

    Args:
        record: of the run.
        output: what it is.
        seal: of the output, if there is one.
        written: where it lies until it gets its name; None where it went through a pipe.
    """
    hashed = HashedFile(written) if written is not None else None
    if seal is not None and hashed is not None:
        seal.complete(hashed)
    record.report(output if isinstance(output, Path) else Path(PIPED), hashed, seal)


def _render(run: RecordingRun, record: Record, sink: MediaSink, seal: Seal | None) -> None:
    pipeline.run(
        run.source,
        run.masks,
        Redactor(run.settings.redaction, run.source.info.color, rules=run.rules, observer=seal),
        sink,
        run.settings.pipeline,
        on_frame=record.count,
        before_finish=record.prepare,
        on_stuck=run.in_use.pop_all,  # closing them under a running thread would crash
    )


def _only_masks(run: RecordingRun, record: Record) -> None:
    pipeline.compute_masks(
        run.source,
        run.masks,
        run.settings.pipeline,
        record.count,
        on_stuck=run.in_use.pop_all,
    )
    record.prepare()
    record.report(None, None)
    publish(*record.files)
