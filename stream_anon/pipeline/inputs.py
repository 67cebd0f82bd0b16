"""Several inputs: what files, folders and patterns mean, and where each output goes.

Planning reads folders and opens no file.
"""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from stream_anon.core.credentials import scheme_of
from stream_anon.core.files import part_of
from stream_anon.errors import ConfigError
from stream_anon.sinks.encoding.encoders import CONTAINERS, STILL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

PICTURES = {
    ".avif", ".bmp", ".exr", ".heic", ".heif", ".j2k", ".jfif", ".jp2", ".jpeg", ".jpg", ".jxl",
    ".pgm", ".png", ".ppm", ".tga", ".tif", ".tiff", ".webp",
}  # fmt: skip
"""Endings of the pictures that are taken from a folder."""
VIDEOS = {
    ".264", ".265", ".3g2", ".3gp", ".asf", ".avi", ".dav", ".divx", ".dv", ".f4v", ".flv", ".gif",
    ".h264", ".h265", ".hevc", ".ivf", ".m2ts", ".m2v", ".m4v", ".mj2", ".mjpeg", ".mjpg", ".mkv",
    ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".nut", ".ogm", ".ogv", ".qt", ".rm", ".rmvb",
    ".ts", ".vob", ".webm", ".wmv", ".y4m",
}  # fmt: skip
"""Endings of the videos that are taken from a folder."""
_FOR_VIDEOS, _FOR_PICTURES = ".mp4", ".png"
"""Endings of outputs where that of the input selects no container."""


@dataclass(frozen=True, slots=True)
class Task:
    """One input and its output."""

    source: Path
    output: Path
    video_track: int | None = None
    """None for the one that players show."""


@dataclass(slots=True)
class Plan:
    """What is to be done, in order, and what is left out."""

    tasks: list[Task] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)
    """Files in folders that are neither videos nor pictures, judging by their names."""
    outputs: list[Path] = field(default_factory=list)
    """Files in folders that are outputs of other inputs, from an earlier run."""


@dataclass(frozen=True, slots=True)
class _Found:
    path: Path
    base: Path
    """Folder that its place is seen from."""
    named: bool
    """The user named it, and not just the folder or pattern that it was found in."""


def plan_tasks(
    inputs: Sequence[str],
    folder: Path,
    *,
    suffix: str = "",
    extension: str | None = None,
    recursive: bool = False,
) -> Plan:
    """Plan the outputs of several inputs.

    Inputs from different folders keep their folders below `folder`, seen from the one that all of
    them lie in.

    Args:
        inputs: files, folders and patterns such as `cam*/*.mp4`. A name that is there is taken
            literally, whatever signs it holds; what is not there is kept, for its run to fail.
        folder: where outputs go.
        suffix: added to the names of outputs, before the extension.
        extension: of all outputs, with its dot, which selects the container; None for that of each
            input, where it selects one. Pictures and videos keep apart.
        recursive: folders within folders count too.

    Raises:
        ConfigError: an output would replace an input, or two inputs would have the same output.
    """
    if "/" in suffix or os.sep in suffix:
        raise ConfigError(f"--suffix {suffix!r} holds a slash: it is part of a file name")
    plan = Plan()
    found = list(_unique(_expanded(inputs, plan, folder, recursive=recursive)))
    base = _common([item.base for item in found])
    tasks = [
        (item, Task(item.path, folder / _place(item.path, base, suffix, extension)))
        for item in found
    ]
    outputs = {_identity(task.output): task.source for _, task in tasks}
    for item, task in tasks:
        made_of = outputs.get(_identity(task.source))
        if made_of is not None and made_of != task.source and not item.named:
            plan.outputs.append(task.source)
        else:
            plan.tasks.append(task)
    _check(plan.tasks)
    return plan


def tracks_of(task: Task, count: int) -> list[Task]:
    """A task for each video track of a file: `NAME-track1.mkv`, and so on."""
    if count < 2:
        return [task]
    output = task.output
    return [
        Task(task.source, output.with_name(f"{output.stem}-track{track}{output.suffix}"), track)
        for track in range(1, count + 1)
    ]


# -- what the words mean ------------------------------------------------------------------------


def _expanded(
    inputs: Sequence[str], plan: Plan, folder: Path, *, recursive: bool
) -> Iterator[_Found]:
    for text in inputs:
        if scheme_of(text) and not os.path.lexists(text):
            raise ConfigError(
                f"an address ({scheme_of(text)}://…) is not a file: cameras and streams are for "
                "`stream-anon live`"
            )
        if text == "-":
            raise ConfigError("standard input (-) goes alone: name an output, or - again")
        path = Path(text)
        if path.is_dir():
            yield from _in_folder(path, path, plan, folder, recursive=recursive)
        elif path.exists() or not glob.has_magic(text):
            yield _Found(path, path.parent, named=True)
        else:
            yield from _matching(text, plan, folder, recursive=recursive)


def _matching(pattern: str, plan: Plan, folder: Path, *, recursive: bool) -> Iterator[_Found]:
    matches = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - absolute patterns too
    if not matches:
        yield _Found(Path(pattern), Path(pattern).parent, named=True)
        return
    base = _fixed(pattern)
    for match in map(Path, matches):
        if _is_within(match, folder) and not _is_within(base, folder):
            plan.outputs.append(match)  # an earlier run has written it
            continue
        if match.is_dir():
            if "**" not in pattern:
                yield from _in_folder(match, base, plan, folder, recursive=recursive)
        elif _is_known(match):
            yield _Found(match, base, named=False)
        else:
            plan.others.append(match)


def _fixed(pattern: str) -> Path:
    """The folder of a pattern before its first sign that stands for others."""
    steps = []
    for step in Path(pattern).parts[:-1]:
        if glob.has_magic(step):
            break
        steps.append(step)
    return Path(*steps)


def _in_folder(
    inside: Path, base: Path, plan: Plan, folder: Path, *, recursive: bool
) -> Iterator[_Found]:
    """Its videos and pictures, without hidden files and without what lies in the output folder."""
    for where, folders, names in os.walk(inside):
        place = Path(where)
        folders[:] = sorted(
            name
            for name in folders
            if recursive and not name.startswith(".") and not _same(place / name, folder)
        )
        for name in sorted(names):
            if name.startswith("."):
                continue
            if _is_known(place / name):
                yield _Found(place / name, base, named=False)
            else:
                plan.others.append(place / name)


def _is_known(path: Path) -> bool:
    return path.suffix.lower() in VIDEOS | PICTURES


def _unique(found: Iterable[_Found]) -> Iterator[_Found]:
    """Each file once, as it was named first."""
    seen: set[object] = set()
    for item in found:
        identity = _identity(item.path)
        if identity not in seen:
            seen.add(identity)
            yield item


# -- where the outputs go -----------------------------------------------------------------------


def _common(bases: Sequence[Path]) -> Path:
    try:
        return Path(os.path.commonpath([_absolute(base) for base in bases]))
    except ValueError:  # none, or several drives
        return Path()


def _place(path: Path, base: Path, suffix: str, extension: str | None) -> Path:
    name = f"{path.stem}{suffix}{_extension(path, extension)}"
    try:
        return Path(_absolute(path.parent)).relative_to(base) / name
    except ValueError:
        return Path(name)


def _extension(path: Path, wanted: str | None) -> str:
    own = path.suffix.lower()
    is_picture = own in PICTURES
    if wanted is not None and is_picture == (CONTAINERS.get(wanted) == STILL):
        return wanted
    if own in CONTAINERS:
        return path.suffix
    return _FOR_PICTURES if is_picture else _FOR_VIDEOS


def _check(tasks: Sequence[Task]) -> None:
    inputs = {_identity(task.source) for task in tasks}
    made: dict[object, Path] = {}
    for task in tasks:
        source, output = task.source, task.output
        if inputs & {_identity(output), _identity(part_of(output))}:
            raise ConfigError(
                f"the output {output} would replace an input: choose another --output-dir, or a "
                "--suffix such as _redacted"
            )
        other = made.setdefault(_identity(output), source)
        if other != source:
            raise ConfigError(
                f"{other} and {source} would both become {output}: redact them into different "
                "folders"
            )


def _identity(path: Path) -> object:
    """What stands for a file, whatever it is called by."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return os.path.realpath(path)
    return status.st_dev, status.st_ino


def _same(path: Path, other: Path) -> bool:
    return _identity(path) == _identity(other)


def _is_within(path: Path, folder: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def _absolute(path: Path) -> str:
    return os.path.abspath(path)  # noqa: PTH100 - a link keeps its name
