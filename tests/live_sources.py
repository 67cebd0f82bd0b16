"""Live sources for tests."""

from __future__ import annotations

from contextlib import closing, contextmanager
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from stream_anon.config import Live
from stream_anon.errors import SourceError
from stream_anon.sources.live.source import LiveSource
from stream_anon.sources.registry import parse_source
from tests.patterns import number_shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stream_anon.core.frame import Frame

AT_ONCE = 0.5
"""Seconds that `cancel` may take."""
WATCHDOG = 1.0
FAST: dict[str, Any] = {
    "watchdog": WATCHDOG,
    "backoff": 0.2,
    "longest_backoff": 0.4,
    "open_timeout": 3.0,
    "attempts": 20,
}
"""Settings for tests, which do not wait for long."""


def live(text: str, *, pace: bool = False, **settings: Any) -> LiveSource:
    """A source that is not opened yet."""
    wanted = Live(**(FAST | settings))
    return LiveSource(parse_source(text, pace=pace, settings=wanted), wanted)


@contextmanager
def connected(text: str, **settings: Any) -> Iterator[LiveSource]:
    """A source that has been opened."""
    with closing(live(text, **settings)) as source:
        source.connect()
        yield source


def opening_error(text: str, *, pace: bool = False, **settings: Any) -> str:
    """What is said of a source that cannot be opened."""
    source = live(text, pace=pace, **settings)
    with closing(source), pytest.raises(SourceError) as caught:
        source.connect()
    return str(caught.value)


def number_of(frame: Frame) -> int:
    """The number in a picture of `clip`."""
    return number_shown(np.dstack([frame.planes[0]] * 3))


def child_of(source: LiveSource) -> int:
    """The capture process."""
    assert source._connection is not None
    return source._connection.pid


def wait_for(what: Callable[[], object], seconds: float) -> None:
    """Wait until it is so."""
    deadline = monotonic() + seconds
    while not what():
        assert monotonic() < deadline
        sleep(0.01)
