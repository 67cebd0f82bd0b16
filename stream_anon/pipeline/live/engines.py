"""Engines of a live stream: loaded, compiled, warmed up and timed."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from stream_anon.core.frame import Frame, StreamInfo, plane_shapes
from stream_anon.core.parts import Box
from stream_anon.core.stream_log import stream_logger
from stream_anon.detectors.base import DetectionPass, whole_frame_pass
from stream_anon.masking.extra_passes import SIDE
from stream_anon.masking.horizon import Horizon
from stream_anon.masking.keyframes import Effort, octaves
from stream_anon.masking.masker import Masker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stream_anon.config import Settings
    from stream_anon.pipeline.engines import Engines

log = stream_logger(__name__)

SIDES = (1600, 1280, 960, 640)
"""Working sizes of a deep pass in live use, the largest first; each is compiled at the start, and
so are those below it that go with it."""
AFFORDABLE = 0.3
"""Share of the latency budget that a deep pass may cost, with the smaller ones that go with it:
everything behind it waits."""
RUNS = 3
"""Timed runs, of which the fastest counts: at the start of a run the machine is busier."""


class LiveEngines:
    """Detectors for one stream, and the levels of effort that this machine can afford."""

    def __init__(self, engines: Engines, settings: Settings, info: StreamInfo) -> None:
        """Compile for every size that a stream may ask for: later, it would have to wait.

        Args:
            engines: the detectors; closed with this.
            settings: of the run.
            info: of the stream.
        """
        self._engines = engines
        self._settings, self._info = settings, info
        self._frame = _gray_frame(info)
        if engines.slow is not None:  # it runs in the background, but compiles like others
            engines.slow.parse(self._frame, whole_frame_pass(info, settings.m2fp.short_side))
        self.efforts, self.level = self._time_passes()
        log.info("deep passes at %d pixels", self.efforts[self.level].deep_side)

    def masker(self, hidden: frozenset[str], apart: frozenset[str]) -> Masker:
        horizon = Horizon.of_live(self._settings, self._info)
        fast, slow = self._engines.fast, self._engines.slow
        settings, info = self._settings, self._info
        return Masker(fast, hidden, settings, info, horizon, bodies=slow, apart=apart)

    def close(self) -> None:
        self._engines.close()

    def _time_passes(self) -> tuple[tuple[Effort, ...], int]:
        settings, info = self._settings.parsing, self._info
        longest = round(max(info.width * float(info.pixel_aspect), info.height))
        light = min(settings.light_side, longest)
        middle = Box(info.width / 2 - 8, info.height / 2 - 8, 16, 16)
        for side in (settings.region_side, *((SIDE,) if settings.effort == "thorough" else ())):
            self._parse(DetectionPass(side, middle))
        self._parse(DetectionPass(light))
        sides = [side for side in SIDES if light < side <= min(settings.deep_side, longest)]
        sides = sides or [light]
        costs = [self._cost(octaves(side, light)) for side in sides]
        for side, cost in zip(sides, costs, strict=True):
            log.info("a deep pass at %d pixels takes %.0f ms", side, 1000 * cost)
        budget = AFFORDABLE * self._settings.live.latency
        level = next((n for n, cost in enumerate(costs) if cost <= budget), len(sides) - 1)
        efforts = [
            Effort(side, tuple(s for s in sorted(sides) if s <= side), thorough=side == sides[0])
            for side in sides
        ]
        least = Effort(sides[-1], (sides[-1],), 2.0, thorough=False, extra=False)
        return (*efforts, least), level

    def _cost(self, passes: Sequence[DetectionPass]) -> float:
        """Seconds that all fast detectors take for these together, once compiled."""
        costs = []
        for run in range(RUNS + 1):
            began = perf_counter()
            for detection_pass in passes:
                self._parse(detection_pass)
            if run:  # the first one compiles
                costs.append(perf_counter() - began)
        return min(costs)

    def _parse(self, detection_pass: DetectionPass) -> None:
        for detector in self._engines.fast:
            detector.parse(self._frame, detection_pass)


def _gray_frame(info: StreamInfo) -> Frame:
    """Nothing to see."""
    y, u, v = (np.full(shape, 128, np.uint8) for shape in plane_shapes(info.width, info.height))
    return Frame((y, u, v), 0, 0, info.time_base)
