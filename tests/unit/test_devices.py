"""Webcams are listed from what the kernel tells, without opening one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stream_anon.sources.live.devices import Device, _webcams, linux_devices, list_devices

if TYPE_CHECKING:
    from pathlib import Path


def add(system: Path, node: str, **told: str) -> None:
    folder = system / "sys/class/video4linux" / node
    folder.mkdir(parents=True)
    for name, text in told.items():
        (folder / name).write_text(text + "\n")


def tag(system: Path, device: str, capabilities: str) -> None:
    """What udev found out when the device was plugged in."""
    folder = system / "run/udev/data"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"c{device}").write_text(f"E:ID_BUS=usb\nE:ID_V4L_CAPABILITIES={capabilities}\n")


def test_each_webcam_is_listed_once_by_number(tmp_path: Path) -> None:
    add(tmp_path, "video10", name="Desk", index="0", dev="81:10")
    add(tmp_path, "video2", name="Door: HD", index="0", dev="81:2")
    add(tmp_path, "video3", name="Door: HD", index="1", dev="81:3")
    assert linux_devices(tmp_path) == [
        Device("Door: HD", "/dev/video2"),
        Device("Desk", "/dev/video10"),
    ]


def test_what_udev_knows_counts_more_than_the_index(tmp_path: Path) -> None:
    add(tmp_path, "video0", name="Output", index="0", dev="81:0")
    tag(tmp_path, "81:0", ":video_output:")
    add(tmp_path, "video1", name="Depth", index="0", dev="81:1")
    tag(tmp_path, "81:1", ":")
    add(tmp_path, "video2", name="Colour", index="2", dev="81:2")
    tag(tmp_path, "81:2", ":capture:")
    assert linux_devices(tmp_path) == [Device("Colour", "/dev/video2")]


def test_radio_and_other_nodes_are_no_webcams(tmp_path: Path) -> None:
    add(tmp_path, "radio0", name="FM", index="0")
    add(tmp_path, "v4l-subdev0", name="Sensor")
    assert linux_devices(tmp_path) == []


def test_a_device_without_a_name_is_called_by_its_node(tmp_path: Path) -> None:
    add(tmp_path, "video0")
    assert linux_devices(tmp_path) == [Device("video0", "/dev/video0")]


def test_a_device_is_shown_as_what_to_type_and_its_name() -> None:
    assert str(Device("Desk", "/dev/video1")) == "/dev/video1  Desk"


def test_no_webcams_are_no_error(tmp_path: Path) -> None:
    assert linux_devices(tmp_path) == []
    assert isinstance(list_devices(), list)


@pytest.mark.parametrize(
    ("system", "name", "path"),
    [("avfoundation", "0", "0"), ("dshow", "@device_pnp_1", "video=@device_pnp_1")],
)
def test_elsewhere_ffmpeg_tells(system: str, name: str, path: str) -> None:
    class Told:
        def __init__(self, name: str, description: str, kind: str) -> None:
            self.name, self.description, self.media_types = name, description, [kind]

    told = [Told(name, "FaceTime HD", "video"), Told("1", "Microphone", "audio")]
    assert list(_webcams(told, system)) == [Device("FaceTime HD", path)]
