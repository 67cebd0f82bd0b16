"""A camera that other programs can use, through pyvirtualcam."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stream_anon.core.color import black_and_spans
from stream_anon.core.frame import plane_shapes
from stream_anon.errors import SinkError
from stream_anon.sinks.base import check_redacted

if TYPE_CHECKING:
    from collections.abc import Callable

    from stream_anon.core.frame import Plane, StreamInfo
    from stream_anon.core.redacted import RedactedFrame
    from stream_anon.sinks.live.address import SinkOrder

PACE = 0.9
"""Frames go out no closer together than this share of the time between them: a burst is spread,
and what it has delayed is made up for."""
LONGEST_WAIT = 1.0
"""Seconds; a frame that is not due within them goes at once: its clock has jumped."""

SETUP = {
    "linux": (
        "load the module v4l2loopback, with: sudo modprobe v4l2loopback devices=1 "
        "exclusive_caps=1 (Debian and Ubuntu have it in v4l2loopback-dkms)"
    ),
    "darwin": "install OBS 30 or newer, start its virtual camera once, and quit OBS",
    "win32": "install OBS 26 or newer, start its virtual camera once, and quit OBS",
}
"""How to set up a virtual camera, by operating system."""


class VirtualCameraSink:
    """Feeds a virtual camera: same size, no frame before its time.

    Programs that read it take its numbers for MPEG range, so that full range is converted.
    """

    def __init__(
        self,
        info: StreamInfo,
        device: str | None = None,
        backend: str | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Open the camera.

        Args:
            info: of the frames to come.
            device: path or name of a virtual camera; None takes the first that is free.
            backend: of pyvirtualcam; None tries all that it has.
            clock: seconds that never run back.
            sleep: waits.

        Raises:
            SinkError: pyvirtualcam is missing, or there is no such camera.
        """
        self._info = info
        self._clock, self._sleep = clock, sleep
        self._last_time: float | None = None
        self._last_sent = 0.0
        self._shapes = plane_shapes(info.width + info.width % 2, info.height + info.height % 2)
        (height, width), _, _ = self._shapes
        self._picture = np.empty(width * height * 3 // 2, np.uint8)
        self._levels = _to_mpeg_range() if info.color.full_range else None
        self._camera: Any = _open(width, height, _rate(info), device, backend)

    @property
    def notes(self) -> list[str]:
        """Notes for the user: where the output differs from the request."""
        (height, width), _, _ = self._shapes
        if (width, height) == (self._info.width, self._info.height):
            return []
        was = f"{self._info.width}x{self._info.height}"
        return [f"{was} has an odd side: padded to {width}x{height}"]

    @property
    def device(self) -> str:
        """The camera in use, as other programs name it."""
        return str(self._camera.device)

    def send(self, frame: RedactedFrame) -> None:
        check_redacted(frame)
        if (frame.width, frame.height) != (self._info.width, self._info.height):
            raise SinkError(f"{frame!r} is not {self._info.width}x{self._info.height}")
        self._fill(frame)
        self._wait(float(frame.pts * frame.time_base))
        try:
            self._camera.send(self._picture)
        except Exception as error:  # whatever its backends raise
            raise SinkError("the virtual camera no longer accepts frames") from error

    def finish(self) -> None:
        """Nothing to complete."""

    def close(self) -> None:
        camera, self._camera = self._camera, None
        if camera is not None:
            with suppress(Exception):
                camera.close()

    def _fill(self, frame: RedactedFrame) -> None:
        at = 0
        for number, (plane, shape) in enumerate(zip(frame.planes, self._shapes, strict=True)):
            room = self._picture[at : at + shape[0] * shape[1]].reshape(shape)
            at += room.size
            if self._levels is not None:
                plane = self._levels[min(number, 1)][plane]  # noqa: PLW2901
            if room.shape == plane.shape:
                room[:] = plane
            else:
                more = [(0, have - had) for have, had in zip(room.shape, plane.shape, strict=True)]
                room[:] = np.pad(plane, more, mode="edge")

    def _wait(self, time_of_frame: float) -> None:
        """Hold a frame that comes too soon after the one before it."""
        before, self._last_time = self._last_time, time_of_frame
        if before is not None:
            early = self._last_sent + PACE * (time_of_frame - before) - self._clock()
            if 0 < early <= LONGEST_WAIT:
                self._sleep(early)
        self._last_sent = self._clock()


def open_sink(order: SinkOrder) -> VirtualCameraSink:
    """Open what the registry's row for cameras names."""
    return VirtualCameraSink(order.info, order.address.target or None)


def _rate(info: StreamInfo) -> float:
    return float(info.nominal_rate)


def _to_mpeg_range() -> tuple[Plane, Plane]:
    """Tables from full range to MPEG range: for luma, and for chroma."""
    black, luma, chroma = black_and_spans(full_range=False)
    level = np.arange(256)
    bright = black + level * luma / 255
    tint = 128 + (level - 128) * chroma / 255
    return bright.round().astype(np.uint8), tint.round().astype(np.uint8)


def _open(width: int, height: int, rate: float, device: str | None, backend: str | None) -> object:
    try:
        import pyvirtualcam  # noqa: PLC0415 - in an extra
        from pyvirtualcam.camera import BACKENDS  # noqa: PLC0415
    except ImportError as error:
        raise SinkError(
            "a virtual camera needs pyvirtualcam: pip install 'stream-anon[live]' "
            "(from a checkout: ./scripts/setup live)"
        ) from error
    if backend is not None and backend not in BACKENDS:
        known = ", ".join(BACKENDS) or "none on this system"
        raise SinkError(f"pyvirtualcam has no backend {backend!r}: it knows {known}")
    try:
        return pyvirtualcam.Camera(
            width=width,
            height=height,
            fps=rate,
            fmt=pyvirtualcam.PixelFormat.I420,
            device=device,
            backend=backend,
        )
    except Exception as error:
        raise SinkError(_explain(device, width, height)) from error


def _explain(device: str | None, width: int, height: int) -> str:
    setup = SETUP.get(sys.platform, "see the documentation of pyvirtualcam")
    if device is None:
        return f"there is no free virtual camera on this machine: {setup}"
    if device.startswith("/dev/") and not Path(device).exists():
        return f"there is no virtual camera {device}: {setup}"
    return (
        f"{device} does not accept {width}x{height} pictures: it is not a virtual camera, or "
        f"another program is using it. To make one: {setup}"
    )
