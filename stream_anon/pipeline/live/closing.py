"""The end of a masker whose background parse may outlast it."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from stream_anon.core.stream_log import StreamThread

if TYPE_CHECKING:
    from stream_anon.masking.masker import Masker
    from stream_anon.pipeline.live.context import LoadedEngines


class Closing:
    """The end of a masker whose background parse may be under way.

    Whoever is last with the engines closes them: the worker, or this where it outlasts the worker.
    """

    def __init__(self, masker: Masker, began: float) -> None:
        self.began = began
        """By the worker's clock."""
        self._lock = threading.Lock()
        self._is_done = False
        self._engines: LoadedEngines | None = None
        self._thread = StreamThread(
            target=self._close, args=(masker,), name="stream_anon closing", daemon=True
        )
        self._thread.start()

    def is_done(self, patience: float = 0.0) -> bool:
        self._thread.join(patience)
        return self._is_done

    def hand_over(self, engines: LoadedEngines) -> None:
        """Close these engines as soon as the parse has returned."""
        with self._lock:
            if not self._is_done:
                self._engines = engines
                return
        engines.close()

    def _close(self, masker: Masker) -> None:
        try:
            masker.close()
        finally:
            with self._lock:
                self._is_done = True
            if self._engines is not None:
                with suppress(Exception):  # nobody is there to be told
                    self._engines.close()
