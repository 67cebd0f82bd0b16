"""Which webcams there are."""

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
    """What it calls itself."""
    path: str
    """What to give as a source."""
    modes: tuple[str, ...] = ()
    """Sizes and rates, where they are known without opening it."""

    def __str__(self) -> str:
        return "  ".join([self.path, self.name, *self.modes])


def list_devices() -> list[Device]:
    """All webcams. None is opened on Linux.

    Raises:
        SourceError: the system does not tell.
    """
    if sys.platform == "linux":
        return linux_devices(SYSTEM)
    return _told_by_ffmpeg("dshow" if sys.platform == "win32" else "avfoundation")


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
    told = _read(system / f"run/udev/data/c{number}") if number else ""
    for line in told.splitlines():
        if line.startswith("E:ID_V4L_CAPABILITIES="):
            return ":capture:" in line
    return _read(node / "index") in ("", "0")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _told_by_ffmpeg(system: str) -> list[Device]:
    import av.device  # noqa: PLC0415 - on Linux nothing of it is needed
    import av.error  # noqa: PLC0415

    try:
        told = av.device.enumerate_input_devices(system)
    except (av.error.FFmpegError, ValueError) as error:
        raise SourceError("this system does not tell which webcams it has") from error
    return list(_webcams(told, system))


def _webcams(told: list[Any], system: str) -> Iterator[Device]:
    for device in told:
        if "video" in device.media_types:
            name = str(device.description or device.name)
            path = str(device.name)
            yield Device(name, f"video={path}" if system == "dshow" else path)
