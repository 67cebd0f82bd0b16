"""Several inputs or outputs of `redact`, one after the other."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stream_anon.cli.console import err, out, say, unexpected
from stream_anon.cli.jobs import opened, run_one
from stream_anon.core.files import check_target
from stream_anon.errors import (
    DEBUG_VARIABLE,
    EXIT_EXPOSED,
    EXIT_INCOMPLETE,
    EXIT_OK,
    EXIT_UNEXPECTED,
    ConfigError,
    SinkError,
    SourceError,
    StreamAnonError,
)
from stream_anon.pipeline.engines import networks_kept
from stream_anon.pipeline.inputs import Task, plan_tasks, tracks_of
from stream_anon.pipeline.rules import check_redaction
from stream_anon.pipeline.sealing import with_public_keys
from stream_anon.sinks.encoding.encoders import CONTAINERS
from stream_anon.sources.file import count_videos

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from stream_anon.cli.jobs import Request
    from stream_anon.pipeline.inputs import Plan

_NAMED = 3
"""Files left out that a note names."""


def redact_several(
    request: Request,
    inputs: Sequence[str],
    folder: Path,
    *,
    suffix: str,
    container: str | None,
    recursive: bool,
) -> int:
    """Redact files, folders and patterns into a folder; one that fails does not end the others."""
    plan = plan_tasks(
        inputs, folder, suffix=suffix, extension=_extension(container), recursive=recursive
    )
    if not plan.tasks:
        hint = "" if recursive else ", or look into folders in folders with --recursive"
        raise SourceError(f"there is no video and no picture among the inputs: name files{hint}")
    check_redaction(request.settings)
    with_public_keys(request.settings)
    if folder.exists() and not folder.is_dir():
        raise SinkError(f"--output-dir {folder} is a file: name a folder, or a new one")
    tally = _Tally(request, skips=not request.settings.output.overwrite)
    with networks_kept():
        for number, task in enumerate(plan.tasks, 1):
            tally.label = f"{number}/{len(plan.tasks)}"
            for part in _parts(task, tally):
                tally.run(part)
    if not request.quiet:
        for line in _left_out(plan):
            say(err, f"note: {line}")
        say(out, tally.text)
    return tally.code


def redact_one(request: Request, source: str, output: Path | None) -> int:
    """Redact one input into one output, or into one for each of its video tracks.

    Raises:
        StreamAnonError: there is no output.
    """
    with opened(source) as path:
        if not request.wants_all_tracks:
            return run_one(request, path, output)
        if output is None or any(request.files.values()):
            raise ConfigError(
                "--video-track all makes several outputs, and a report, tracks, masks or a seal "
                "are of one: name one track"
            )
        return _redact_tracks(request, path, output)


def _redact_tracks(request: Request, source: Path, output: Path) -> int:
    tasks = tracks_of(Task(source, output), count_videos(source))
    if len(tasks) == 1:
        return run_one(request, source, output)
    for task in tasks:
        check_target(task.output, overwrite=request.settings.output.overwrite)
    tally = _Tally(request, skips=False)
    with networks_kept():
        for task in tasks:
            tally.label = f"track {task.video_track}"
            tally.run(task)
    return tally.code


def _parts(task: Task, tally: _Tally) -> list[Task]:
    """A task for each output of an input; none where the input cannot be read."""
    if not tally.request.wants_all_tracks:
        return [task]
    try:
        return tracks_of(task, count_videos(task.source))
    except StreamAnonError as error:
        tally.fail(task, str(error), error.exit_code)
        return []


def _extension(container: str | None) -> str | None:
    if container is None:
        return None
    extension = f".{container.removeprefix('.').lower()}"
    if extension not in CONTAINERS:
        known = ", ".join(name.removeprefix(".") for name in CONTAINERS)
        raise ConfigError(f"--format {container} selects no container: use one of {known}")
    return extension


@dataclass(slots=True)
class _Tally:
    """Runs tasks, and counts what became of them."""

    request: Request
    skips: bool
    """An output that is there already is left alone, and is no error."""
    label: str = ""
    """For the progress line."""
    done: int = 0
    incomplete: int = 0
    exposed: int = 0
    """Outputs that still show a face, as their audit found."""
    failed: int = 0
    skipped: int = 0
    first_error: int | None = None
    """Exit code of it."""
    written: set[Path] = field(default_factory=set)

    def run(self, task: Task) -> None:
        """Redact one input; its errors are told and counted."""
        if self._is_there(task):
            return
        try:
            if task.output in self.written:
                raise ConfigError(f"{task.output} was made of another input: rename one of the two")
            with _folder(task.output.parent):
                code = run_one(
                    self.request,
                    task.source,
                    task.output,
                    track=task.video_track,
                    name=f"{self.label} {task.source.name}",
                )
        except StreamAnonError as error:
            self.fail(task, str(error), error.exit_code)
        except KeyboardInterrupt:
            count = self.done + self.incomplete + self.exposed
            outputs = "output is" if count == 1 else "outputs are"
            raise KeyboardInterrupt(f"{count} {outputs} complete, the rest is not there") from None
        except Exception as error:
            if os.environ.get(DEBUG_VARIABLE) == "1":
                raise
            self.fail(task, unexpected(error), EXIT_UNEXPECTED)
        else:
            self.written.add(task.output)
            self.done += code == EXIT_OK
            self.incomplete += code == EXIT_INCOMPLETE
            self.exposed += code == EXIT_EXPOSED

    def _is_there(self, task: Task) -> bool:
        if not (self.skips and task.output.is_file()) or task.output in self.written:
            return False
        self.skipped += 1
        if not self.request.quiet:
            say(err, f"note: {task.output} exists already, skipped: --overwrite replaces it")
        return True

    def fail(self, task: Task, said: str, code: int) -> None:
        """Tell and count an error."""
        named = "" if task.source.name in said else f"{task.source}: "
        say(err, f"stream-anon: {named}{said}")
        self.failed += 1
        if self.first_error is None:
            self.first_error = code

    @property
    def code(self) -> int:
        """Of all together."""
        if self.first_error is not None:
            return self.first_error
        if self.exposed:
            return EXIT_EXPOSED
        return EXIT_INCOMPLETE if self.incomplete else EXIT_OK

    @property
    def text(self) -> str:
        counts = {
            "with a face that is exposed": self.exposed,
            "redacted as far as they could be read": self.incomplete,
            "failed": self.failed,
            "skipped, as the outputs exist": self.skipped,
        }
        more = "".join(f", {count} {what}" for what, count in counts.items() if count)
        return f"{self.done} redacted{more}"


@contextmanager
def _folder(folder: Path) -> Iterator[None]:
    """There for an output; folders that were made and stay empty are removed again."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SinkError(
            f"the folder {folder} cannot be created ({str(error.strerror).lower()}): choose "
            "another --output-dir"
        ) from error
    try:
        yield
    finally:
        with suppress(OSError):  # not empty
            for place in missing:
                place.rmdir()


def _left_out(plan: Plan) -> Iterator[str]:
    if count := len(plan.others):
        files = "file is" if count == 1 else "files are"
        names = ", ".join(path.name for path in plan.others[:_NAMED])
        more = ", …" if count > _NAMED else ""
        yield f"{count} {files} neither video nor picture by name, left out: {names}{more}"
    if count := len(plan.outputs):
        files = "file is an output" if count == 1 else "files are outputs"
        yield f"{count} {files} of an earlier run, left out"
