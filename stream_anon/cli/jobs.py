"""One run of `redact`: from what was asked for to the result, and what is said of it."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from stream_anon.cli.console import ProgressLine, count, err, out, say
from stream_anon.core.clear import NOBODY, REVIEW, Clear
from stream_anon.errors import (
    EXIT_INCOMPLETE,
    EXIT_OK,
    ConfigError,
    SourceError,
    StreamAnonError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from fractions import Fraction

    from rich.console import Console

    from stream_anon.audit.aligning import Cut
    from stream_anon.config import Settings
    from stream_anon.pipeline.excerpt import Selection
    from stream_anon.pipeline.report import Summary
    from stream_anon.sinks.pipe import Pipe

ALL = "all"
"""Every video track, each with an output of its own."""
MOST_DIGITS = 9
"""Of the number of a track."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be done with each input."""

    settings: Settings
    begin: Fraction | None = None
    end: Fraction | None = None
    trim: bool = False
    video_track: str | None = None
    files: Mapping[str, Path | None] = field(default_factory=dict)
    """Read and written besides input and output, by the arguments of `redact_file`."""
    quiet: bool = False
    audit: bool = False
    """What is written is audited at once."""
    clear: Clear = NOBODY
    """Who of the tracks file is left clear."""

    def __post_init__(self) -> None:
        self.selection(None)
        if self.audit:
            self._check_audit()

    def _check_audit(self) -> None:
        """Refuse an audit that would report what is wanted."""
        edited = self.files.get("edits") is not None
        if edited or self.clear or any(z.mode == "ignore" for z in self.settings.redaction.zones):
            raise ConfigError(
                "--audit would report everybody who is left clear on purpose, too: leave it out, "
                "and run stream-anon audit afterwards if you can tell them apart"
            )

    @property
    def cut(self) -> Cut | None:
        """The part of the input that the output holds alone; None where it holds all of it."""
        from stream_anon.pipeline.audit_cut import cut_of_trim  # noqa: PLC0415 - loads late

        if not self.trim:
            return None
        begin, end = (None if t is None else float(t) for t in (self.begin, self.end))
        return cut_of_trim(begin, end, "--trim")

    @property
    def wants_all_tracks(self) -> bool:
        return self.video_track == ALL

    def selection(self, track: int | None) -> Selection:
        """Args: track: of the video, where all are wanted.

        Raises:
            ConfigError: what was asked for makes no sense.
        """
        from stream_anon.pipeline.excerpt import select  # noqa: PLC0415 - loads late

        if self.video_track is not None and not self.wants_all_tracks:
            if not self.video_track.isdecimal() or len(self.video_track) > MOST_DIGITS:
                raise ConfigError(
                    f"--video-track {self.video_track[:80]!r} is not valid: write its number, "
                    "from 1, or all"
                )
            track = int(self.video_track)
        return select(self.begin, self.end, track, trim=self.trim)


def redact_to_pipe(request: Request, source: str, container: str) -> int:
    """Redact one input to standard output; whatever is said goes to standard error."""
    from stream_anon.sinks.pipe import Pipe  # noqa: PLC0415 - loads late

    if request.wants_all_tracks:
        raise ConfigError("one pipe holds one video: name the number of the --video-track")
    if request.audit:
        raise ConfigError("--audit reads the output, which a pipe has gone with: name a file")
    with _standard_output() as file:
        pipe = Pipe(file, container.removeprefix(".").lower())
        with opened(source) as path:
            try:
                return run_one(request, path, pipe)
            except KeyboardInterrupt:
                raise KeyboardInterrupt("what standard output got is incomplete") from None


def run_one(
    request: Request,
    source: Path,
    output: Path | Pipe | None,
    *,
    track: int | None = None,
    name: str | None = None,
) -> int:
    """Redact one input and tell the result.

    Args:
        request: what is to be done with it.
        source: the input.
        output: a file or a pipe; None where only masks are computed.
        track: of the video, where all are wanted.
        name: for the progress line.

    Raises:
        StreamAnonError: there is no output, or in a pipe an incomplete one.
    """
    from stream_anon.pipeline.recording import redact_file  # noqa: PLC0415 - loads late

    if request.audit and output is None:
        raise ConfigError("--audit reads the output: name one instead of --masks-only")
    if name is None:
        name = source.name if source.exists() else "input"  # may be an address, with its key
    files = request.files
    with ProgressLine(name, shown=not request.quiet) as line:
        summary = redact_file(
            source,
            output,
            request.settings,
            selection=request.selection(track),
            report=files.get("report"),
            tracks=files.get("tracks"),
            clear=request.clear,
            masks=files.get("masks"),
            edits=files.get("edits"),
            export_tracks=files.get("export_tracks"),
            export_masks=files.get("export_masks"),
            sign=files.get("sign"),
            sealed=files.get("sealed"),
            on_progress=line.update,
        )
    if not request.quiet:
        if output is None or isinstance(output, Path):
            _print_summary(out, str(output or files["export_masks"]), summary)
        else:
            _print_summary(err, "standard output", summary)
    audited = EXIT_OK
    if request.audit and isinstance(output, Path):
        from stream_anon.cli.audit import run_audit  # noqa: PLC0415 - loads late
        from stream_anon.pipeline.auditing import AuditFiles  # noqa: PLC0415

        used = AuditFiles(tracks=files.get("tracks"))
        number = request.selection(track).video_track
        try:
            audited = run_audit(
                source, output, used, video_track=number, cut=request.cut, quiet=request.quiet
            )
        except KeyboardInterrupt:
            raise KeyboardInterrupt("the output is complete, its audit is not") from None
        except StreamAnonError as error:
            say(err, f"stream-anon: {output} is complete, but could not be audited: {error}")
            audited = EXIT_INCOMPLETE
    return audited or (EXIT_OK if summary.complete else EXIT_INCOMPLETE)


def _print_summary(console: Console, output: str, summary: Summary) -> None:
    most = max(summary.people, default=0)
    whole = sum(summary.hidden_whole.values())
    nobody = f"nobody hidden{' in the others' if whole else ''}"
    if whole and whole >= summary.frames:
        nobody = "all of it hidden"
    people = nobody if most <= 0 else f"up to {most} hidden at a time"
    say(
        console,
        f"{output}: {count(summary.frames, 'frame')} in {summary.seconds:.1f} s "
        f"({summary.fps:.0f} fps), {people}",
    )
    for reason, number in summary.hidden_whole.items():
        say(err, f"note: {count(number, 'frame')} hidden whole: {reason}")
    if summary.lost_frames or summary.lost_packets:
        lost = (
            f"about {count(summary.lost_frames, 'frame')}" if summary.lost_frames else "some data"
        )
        why = f" ({summary.lost_reason})" if summary.lost_reason else ""
        say(err, f"note: {lost} of the input could not be read{why}")
    for note in summary.notes:
        if note.startswith(REVIEW):
            say(console, note)
        else:
            say(err, f"note: {note}")


# -- pipes --------------------------------------------------------------------------------------


@contextmanager
def opened(source: str) -> Iterator[Path]:
    """The input as a file; what comes through standard input is stored in one until the end."""
    if source != "-":
        yield Path(source)
        return
    from stream_anon.sources.piped import spooled  # noqa: PLC0415 - loads late

    if sys.stdin is None:
        raise SourceError("standard input is closed: pipe a video in, or name a file")
    with spooled(sys.stdin.buffer) as path:
        yield path


@contextmanager
def _standard_output() -> Iterator[BinaryIO]:
    """Standard output for the video alone: whatever else is printed goes to standard error."""
    if sys.stdout is None:
        raise ConfigError("standard output is closed: pipe it on, or name an output")
    if os.isatty(1):
        raise ConfigError("the video would go to the terminal: pipe it on, or name an output")
    sys.stdout.flush()
    with os.fdopen(os.dup(1), "wb", buffering=0) as video:
        os.dup2(2, 1)
        try:
            yield video
        finally:
            sys.stdout.flush()
            os.dup2(video.fileno(), 1)
