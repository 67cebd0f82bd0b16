"""Cache of compiled networks, shared by all streams of a process. Infer requests are not shared."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


KEPT = 8
"""Networks without a user that `keeping` keeps: one for each working size of a video."""


class Key(NamedTuple):
    """Cache key of a compiled network."""

    weights: str
    """Their hash, or file with its size and time."""
    settings: tuple[tuple[str, object], ...]
    shape: tuple[int, ...]
    """Of the input."""


class _Entry:
    """One compiled network and how many use it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        """Held while it is compiled, so that the second user waits instead of compiling too."""
        self.model: Any = None
        self.users = 0


class Compiled:
    """Compiled networks by key, each freed with its last user. Any thread may call anything.

    Inside `keeping`, some that have no user stay for the next one.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: dict[Key, _Entry] = {}
        """The one that was used longest ago first."""
        self._keepers = 0

    def __len__(self) -> int:
        return len(self._entries)

    def acquire(self, key: Key, compile_it: Callable[[], Any]) -> Any:
        """The compiled network of `key`; whoever gets it calls `release` once.

        Args:
            key: what it is.
            compile_it: makes it; called where nobody uses it yet. What it raises is passed on, and
                nothing is held then.
        """
        with self._lock:
            entry = self._entries.setdefault(key, _Entry())
            entry.users += 1
        try:
            with entry.lock:
                if entry.model is None:
                    entry.model = compile_it()
                return entry.model
        except BaseException:
            self.release(key)
            raise

    def release(self, key: Key) -> None:
        """One user less."""
        with self._lock:
            entry = self._entries.pop(key)
            entry.users -= 1
            if entry.users or (self._keepers and entry.model is not None):
                self._entries[key] = entry
            self._free_unused(KEPT if self._keepers else 0)

    @contextmanager
    def keeping(self) -> Iterator[None]:
        """Inside, networks without a user stay compiled, `KEPT` at most: for runs in a row."""
        with self._lock:
            self._keepers += 1
        try:
            yield
        finally:
            with self._lock:
                self._keepers -= 1
                if not self._keepers:
                    self._free_unused(0)

    def _free_unused(self, most: int) -> None:
        unused = [key for key, entry in self._entries.items() if not entry.users]
        for key in unused[: max(0, len(unused) - most)]:
            del self._entries[key]


COMPILED = Compiled()
"""The cache of this process."""
