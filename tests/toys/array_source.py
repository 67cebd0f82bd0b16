"""A live source that plays the brightness of an array: `NAME.npy` with `--pace`."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stream_anon.core.frame import Frame, StreamInfo, plane_shapes
from stream_anon.errors import SourceError
from stream_anon.sources.base import Losses
from stream_anon.sources.live.address import SourceAddress
from stream_anon.sources.registry import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stream_anon.config import Live

RATE = 25


class ArraySource:
    def __init__(self, path: Path) -> None:
        try:
            self._lumas = np.load(path)
        except (OSError, ValueError) as error:
            raise SourceError(f"{path.name} is not an array: name another file") from error
        count, height, width = self._lumas.shape
        unit = Fraction(1, RATE)
        self.info = StreamInfo(path.name, width, height, unit, rate=Fraction(RATE), frames=count)
        self.losses = Losses()

    def frames(self) -> Iterator[Frame]:
        chroma = np.full(plane_shapes(self.info.width, self.info.height)[1], 128, np.uint8)
        chroma.setflags(write=False)
        for index, stored in enumerate(self._lumas):
            luma = stored.copy()
            luma.setflags(write=False)
            yield Frame((luma, chroma, chroma), index, index, self.info.time_base, duration=1)

    def close(self) -> None:
        """Nothing to free."""


def parse(text: str, _settings: Live) -> SourceAddress | None:
    if not text.endswith(".npy"):
        return None
    return SourceAddress("array", Path(text).name, text, opens=f"{__name__}:open_array", ends=True)


def open_array(path: str) -> ArraySource:
    return ArraySource(Path(path))


ROW = Row("array", parse, with_pace=True)
