"""Shared memory without a name: gone with the last process that has it."""

from __future__ import annotations

import mmap
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from stream_anon.errors import DependencyError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

PAGE = 1 << 16
MOST = 1 << 30
"""Bytes of a block at most; more is nonsense."""
TYPES = frozenset({"float32", "float16", "float64", "int32", "int64", "uint8", "bool"})
"""Of arrays in it."""


class BadBlock(Exception):
    """What came is no block, or an array reaches over its end. Internal: the other side is left."""


class Block:
    """A piece of memory that two processes see. Its size is sealed: nobody can cut it short."""

    def __init__(self, fd: int) -> None:
        """Take a descriptor over, also where it fails.

        Raises:
            BadBlock: it is none of a sealed block.
        """
        self.fd = fd
        try:
            self.size = _checked_size(fd)
            self._memory = mmap.mmap(fd, self.size)
        except (OSError, ValueError) as error:
            os.close(fd)
            raise BadBlock from error

    @classmethod
    def of(cls, size: int) -> Block:
        """A new one of at least so many bytes.

        Raises:
            DependencyError: this system has no such memory.
            BadBlock: there is no room.
        """
        if not hasattr(os, "memfd_create"):
            raise DependencyError("cameras share memory as Linux has it: run the server on Linux")
        try:
            fd = os.memfd_create("stream_anon", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
            os.ftruncate(fd, max(PAGE, -(-size // PAGE) * PAGE))
        except OSError as error:
            raise BadBlock from error
        _seal(fd)
        return cls(fd)

    def array(self, dtype: str, shape: Sequence[int], offset: int = 0) -> NDArray[Any]:
        """An array in it, which both sides see.

        Raises:
            BadBlock: it would reach over the end, or is of no known type.
        """
        if dtype not in TYPES or offset < 0 or any(side < 0 for side in shape):
            raise BadBlock
        count = 1
        for side in shape:
            count *= side
        if offset + count * np.dtype(dtype).itemsize > self.size:
            raise BadBlock
        return np.frombuffer(self._memory, dtype, count, offset).reshape(shape)

    def close(self) -> None:
        """Let go of it. Arrays in it keep the memory for as long as they are there."""
        with suppress(BufferError):
            self._memory.close()
        with suppress(OSError):
            os.close(self.fd)
        self.fd = -1


def _seal(fd: int) -> None:
    import fcntl  # noqa: PLC0415 - not on every system

    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)


def _checked_size(fd: int) -> int:
    """Of a block that cannot shrink: reading past the end of what has would end this process."""
    import fcntl  # noqa: PLC0415 - not on every system

    if not fcntl.fcntl(fd, fcntl.F_GET_SEALS) & fcntl.F_SEAL_SHRINK:
        raise ValueError("not sealed")
    size = os.fstat(fd).st_size
    if not 0 < size <= MOST:
        raise ValueError("of no size that makes sense")
    return size
