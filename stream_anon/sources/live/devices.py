"""Enumeration of webcams."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stream_anon.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator

SYSTEM = Path("/")


@dataclass(frozen=True, slots=True)
class Device:
    """A webcam."""

    name: str
    """Name that it reports."""
    path: str
    """Name to use as a source."""
    modes: tuple[str, ...] = ()
    """Sizes and rates, where they are known without opening it."""

    def __str__(self) -> str:
        return "  ".join([self.path, self.name, *self.modes])


def list_devices() -> list[Device]:
    """All webcams. None is opened on Linux.

    Raises:
        SourceError: the system cannot list them.
    """
    if sys.platform == "linux":
        return linux_devices(SYSTEM)
    return _list_with_ffmpeg("dshow" if sys.platform == "win32" else "avfoundation")


def linux_devices(system: Path) -> list[Device]:
    """Webcams as the kernel lists them.

    Args:
        system: what stands for `/`.
    """
    folder = system / "sys/class/video4linux"
    if not folder.is_dir():
        return []
    nodes = [node for node in folder.iterdir() if node.name.removeprefix("video").isdecimal()]
    nodes.sort(key=lambda node: int(node.name.removeprefix("video")))
    return [
        Device(_read(node / "name") or node.name, f"/dev/{node.name}")
        for node in nodes
        if _takes_pictures(node, system)
    ]


def _takes_pictures(node: Path, system: Path) -> bool:
    """Not a second node of the same webcam, for its other data, nor an output."""
    number = _read(node / "dev")
    listed = _read(system / f"run/udev/data/c{number}") if number else ""
    for line in listed.splitlines():
        if line.startswith("E:ID_V4L_CAPABILITIES="):
            return ":capture:" in line
    return _read(node / "index") in ("", "0")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _list_with_ffmpeg(system: str) -> list[Device]:
    import av.device  # noqa: PLC0415 - on Linux nothing of it is needed
    import av.error  # noqa: PLC0415

    try:
        listed = av.device.enumerate_input_devices(system)
    except (av.error.FFmpegError, ValueError) as error:
        raise SourceError("the webcams of this system cannot be listed") from error
    return list(_webcams(listed, system))


def _webcams(listed: list[Any], system: str) -> Iterator[Device]:
    for device in listed:
        if "video" in device.media_types:
            name = str(device.description or device.name)
            path = str(device.name)
            yield Device(name, f"video={path}" if system == "dshow" else path)
