"""Engines that are ready for a live stream: loaded, warm, and timed."""

from __future__ import annotations

import logging
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from stream_anon.frame import Box, Frame, StreamInfo, plane_shapes
from stream_anon.masking.keyframes import Effort
from stream_anon.masking.masker import Masker
from stream_anon.parsing.base import Look

if TYPE_CHECKING:
    from stream_anon.config import Settings
    from stream_anon.parsing.base import Parser

log = logging.getLogger(__name__)

SIDES = (1600, 1280, 960, 640)
"""Working sizes of a deep look in live use, the closest first; each is compiled at the start."""
AFFORDABLE = 0.3
"""Share of the latency budget that a deep look may cost: everything behind it waits."""
RUNS = 3
"""Timed runs, of which the fastest counts: at the start of a run the machine has more to do."""


class EngineLooker:
    """Parsers for one stream, and the levels of effort that this machine can pay."""

    def __init__(
        self, faces: Parser, bodies: Parser | None, settings: Settings, info: StreamInfo
    ) -> None:
        """Compile for every size that a stream may ask for: later, it would have to wait.

        Args:
            faces: looks at many frames.
            bodies: looks at keyframes, beside the stream.
            settings: of the run.
            info: of the stream.
        """
        self._faces, self._bodies = faces, bodies
        self._settings, self._info = settings, info
        self.efforts = self._time_looks()
        log.info("deep looks at %d pixels", self.efforts[0].deep_side)

    def masker(self, hidden: frozenset[str]) -> Masker:
        return Masker(self._faces, hidden, self._settings, self._info, body_parser=self._bodies)

    def close(self) -> None:
        for parser in (self._bodies, self._faces):
            if parser is not None:
                parser.close()

    def _time_looks(self) -> tuple[Effort, ...]:
        settings, info = self._settings.parsing, self._info
        longest = round(max(info.width * float(info.pixel_aspect), info.height))
        light = min(settings.light_side, longest)
        sides = [side for side in SIDES if light < side <= min(settings.deep_side, longest)]
        frame = _gray_frame(info)
        budget = AFFORDABLE * self._settings.live.latency
        middle = Box(info.width / 2 - 8, info.height / 2 - 8, 16, 16)
        for look in (Look(light), Look(settings.region_side, middle)):
            self._faces.parse(frame, look)
        affordable: list[int] = []
        for side in reversed(sides):
            cost = self._cost(frame, Look(side))
            log.info("a look at %d pixels takes %.0f ms", side, 1000 * cost)
            if cost > budget and affordable:
                break
            affordable.insert(0, side)
        affordable = affordable or [light]
        steps = tuple(sorted(affordable))
        levels = [Effort(side, steps) for side in affordable]
        return (*levels, Effort(affordable[-1], steps[:1], 2.0))

    def _cost(self, frame: Frame, look: Look) -> float:
        """Seconds, once compiled."""
        self._faces.parse(frame, look)
        costs = []
        for _ in range(RUNS):
            began = perf_counter()
            self._faces.parse(frame, look)
            costs.append(perf_counter() - began)
        return min(costs)


def _gray_frame(info: StreamInfo) -> Frame:
    """Nothing to see."""
    y, u, v = (np.full(shape, 128, np.uint8) for shape in plane_shapes(info.width, info.height))
    return Frame((y, u, v), 0, 0, info.time_base)
