"""The interface of detectors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from stream_anon.detectors.runtime import Network, Networks

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from stream_anon.config import Settings
    from stream_anon.core.frame import Frame, StreamInfo
    from stream_anon.core.parts import Box, Part


@dataclass(frozen=True, slots=True)
class DetectionPass:
    """One run of a detector over a frame or a region of it, at one working size."""

    long_side: int
    """Working size of the longer side, in pixels."""
    region: Box | None = None
    """Search only here, in frame pixels; None searches the whole picture."""
    enlarge: float = 1.0
    """Times that the picture is enlarged beyond its own size, at most."""
    turn: int = 0
    """Quarter turns counter-clockwise that it gets first; the answers are of the frame as it is."""


class Detector(Protocol):
    """Finds what may have to be hidden in one frame. Used by one thread at a time."""

    @property
    def name(self) -> str:
        """Short name for reports, such as `centerface`."""

    @property
    def labels(self) -> frozenset[str]:
        """Every label that this detector can answer with."""

    @property
    def model_hash(self) -> str:
        """SHA-256 of the weights, hexadecimal."""

    def parse(self, frame: Frame, detection_pass: DetectionPass) -> list[Part]:
        """All parts that are detected, the unlikely ones too; deterministic for the same input.

        Raises:
            ParserError: the engine failed or its answer makes no sense.
        """

    def close(self) -> None:
        """Free the engine. Called once; nothing is called after it."""


@dataclass(frozen=True, slots=True)
class Loading:
    """Arguments for loading a detector."""

    settings: Settings
    info: StreamInfo
    pictures: Callable[[int], list[NDArray[np.float32]]] | None = None
    """Gives first pictures of the input to calibrate on, their shorter side that many pixels long;
    None for a live stream, which does not wait for that."""
    origin: str = ""
    """Where those come from, for display."""
    notes: list[str] = field(default_factory=list)
    """Notes for the user are added here."""
    networks: Networks = Network
    """Loads their networks."""


def whole_frame_pass(info: StreamInfo, short_side: int) -> DetectionPass:
    """The whole picture, its shorter side that many pixels long."""
    width, height = float(info.width * info.pixel_aspect), float(info.height)
    return DetectionPass(max(32, round(short_side * max(width, height) / min(width, height))))
