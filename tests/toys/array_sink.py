"""A live output that writes the brightness of all frames into one array: `NAME.npy`."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stream_anon.errors import SinkError
from stream_anon.sinks.base import check_redacted
from stream_anon.sinks.live.address import SinkAddress
from stream_anon.sinks.registry import Room, Row

if TYPE_CHECKING:
    from stream_anon.core.frame import Plane
    from stream_anon.core.redacted import RedactedFrame
    from stream_anon.sinks.live.address import SinkOrder

log = logging.getLogger("stream_anon.array_sink")


class ArraySink:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._lumas: list[Plane] = []

    def send(self, frame: RedactedFrame) -> None:
        check_redacted(frame)
        luma = frame.planes[0]
        if self._lumas and luma.shape != self._lumas[0].shape:
            height, width = self._lumas[0].shape
            raise SinkError(f"{frame!r} is not {width}x{height}")
        self._lumas.append(luma)

    def finish(self) -> None:
        np.save(self._path, np.array(self._lumas))
        log.info("%d frames written", len(self._lumas))

    def close(self) -> None:
        self._lumas.clear()


def parse(text: str) -> SinkAddress | None:
    return SinkAddress("array", text, text) if text.endswith(".npy") else None


def open_sink(order: SinkOrder) -> ArraySink:
    return ArraySink(Path(order.address.target))


ROW = Row("array", parse, f"{__name__}:open_sink", "an array ending in .npy", Room.BACKLOG)
