"""Whose turn it is: streams that share workers are served one after the other."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from typing import Generic, TypeVar

T = TypeVar("T")
MOST_WAITING = 64
"""Jobs of one stream; a stream waits for each of its answers, so more are nonsense."""


class Turns(Generic[T]):
    """Jobs of many streams. The stream that was served longest ago is next.

    Of slow jobs only one is at work at a time, so that the other workers are there for fast ones.
    Any thread may call anything.
    """

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._waiting: OrderedDict[int, deque[tuple[T, bool]]] = OrderedDict()
        """By stream, the one whose turn is next first."""
        self._is_slow_at_work = False
        self._is_over = False

    def add(self, stream: int, job: T, *, slow: bool = False) -> bool:
        """A job; False where the stream has too many of them."""
        with self._lock:
            jobs = self._waiting.setdefault(stream, deque())
            if len(jobs) >= MOST_WAITING:
                return False
            jobs.append((job, slow))
            self._lock.notify_all()
            return True

    def take(self) -> tuple[T, bool] | None:
        """Wait for the next job, and whether it is a slow one; None at the end."""
        with self._lock:
            while not self._is_over:
                for stream, jobs in self._waiting.items():
                    fitting = next((j for j in jobs if not (j[1] and self._is_slow_at_work)), None)
                    if fitting is not None:
                        jobs.remove(fitting)
                        self._served(stream)
                        self._is_slow_at_work |= fitting[1]
                        return fitting
                self._lock.wait()
            return None

    def _served(self, stream: int) -> None:
        if self._waiting[stream]:
            self._waiting.move_to_end(stream)
        else:
            del self._waiting[stream]

    def slow_done(self) -> None:
        """The slow job is done."""
        with self._lock:
            self._is_slow_at_work = False
            self._lock.notify_all()

    def forget(self, stream: int) -> list[T]:
        """The stream is gone; its jobs, which nobody is to do."""
        with self._lock:
            return [job for job, _ in self._waiting.pop(stream, ())]

    def end(self) -> None:
        """No more jobs: workers are let go."""
        with self._lock:
            self._is_over = True
            self._lock.notify_all()
