"""A virtual camera in memory, for pyvirtualcam."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tests.requirements import require_live

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

BACKEND = "memory"


class MemoryCamera:
    """A backend that keeps what it is given."""

    opened: ClassVar[list[MemoryCamera]] = []
    busy: ClassVar[bool] = False
    """As if another program fed the only device."""

    def __init__(
        self, *, width: int, height: int, fps: float, fourcc: int, device: str | None
    ) -> None:
        if self.busy:
            raise RuntimeError("no camera\nor another reason that nobody should have to read")
        self.width, self.height, self.fps, self._device = width, height, fps, device
        self.fourcc = fourcc
        self.frames: list[NDArray[np.uint8]] = []
        self.closed = 0
        self.gone = False
        self.opened.append(self)

    def send(self, frame: NDArray[np.uint8]) -> None:
        assert frame.shape == (self.width * self.height * 3 // 2,)
        assert not self.closed
        if self.gone:
            raise RuntimeError("device unplugged")
        self.frames.append(frame.copy())

    def close(self) -> None:
        self.closed += 1

    def device(self) -> str:
        return self._device or "memory 0"

    def native_fourcc(self) -> None:
        return None


@contextmanager
def memory_cameras() -> Iterator[list[MemoryCamera]]:
    """Let pyvirtualcam know of it; the list of those that are opened meanwhile."""
    require_live(modules=["pyvirtualcam"])
    from pyvirtualcam.camera import BACKENDS, register_backend

    register_backend(BACKEND, MemoryCamera)
    MemoryCamera.opened.clear()
    try:
        yield MemoryCamera.opened
    finally:
        MemoryCamera.busy = False
        del BACKENDS[BACKEND]
