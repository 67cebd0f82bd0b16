"""Loaded networks, each shared by all streams that ask for the same."""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from stream_anon.detectors.remote.built import BUILT
from stream_anon.detectors.runtime import Network, Precision, Weights, identity_of
from stream_anon.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stream_anon.detectors.runtime import Runnable

MOST_UNUSED = 4
"""Networks that stay loaded without a stream: a camera that begins again finds them compiled."""

SIZES = 24
"""Input sizes that stay compiled: cameras differ in shape, and each needs about five."""


class Wanted(NamedTuple):
    """What a client asks for."""

    identity: str
    threads: int
    precision: Precision


class Pool:
    """One network, once for each worker that runs it at the same time."""

    def __init__(self, load: Callable[[], Runnable]) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._idle: list[Runnable] = []
        self.users = 0

    @contextmanager
    def one(self) -> Iterator[Runnable]:
        """One that nobody else uses meanwhile."""
        with self._lock:
            network = self._idle.pop() if self._idle else None
        network = network or self._load()
        try:
            yield network
        finally:
            with self._lock:
                self._idle.append(network)

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for network in idle:
            network.close()


class Pools:
    """All of them. Any thread may call anything."""

    def __init__(self, load: Callable[..., Runnable] | None = None) -> None:
        """Args: load: loads one, as `Networks`; None for `Network`."""
        self._load = load or partial(Network, sizes=SIZES)
        self._lock = threading.Lock()
        self._pools: OrderedDict[Wanted, Pool] = OrderedDict()

    def acquire(self, wanted: Wanted, weights: Callable[[], Weights]) -> Pool:
        """The pool of a network; whoever gets it calls `release` once.

        Args:
            wanted: which.
            weights: its weights, asked for where nobody has it yet.

        Raises:
            ModelError: they are not those that are wanted.
        """
        with self._lock:
            pool = self._pools.get(wanted)
        if pool is None:
            found = weights()
            if identity_of(found) != wanted.identity:
                raise ModelError("the weights of a network have changed: start the camera again")
            pool = Pool(
                lambda: self._load(found, threads=wanted.threads, precision=wanted.precision)
            )
        with self._lock:
            pool = self._pools.setdefault(wanted, pool)
            pool.users += 1
            return pool

    def release(self, pool: Pool) -> None:
        """One user less."""
        with self._lock:
            pool.users -= 1
            unused = [wanted for wanted, one in self._pools.items() if not one.users]
            leaving = [self._pools.pop(wanted) for wanted in unused[:-MOST_UNUSED]]
        for one in leaving:
            one.close()


def weights_of(fields: dict[str, Any], data: Callable[[int], bytes]) -> Weights:
    """The weights that a client means.

    Args:
        fields: of its message.
        data: gives so many bytes of what came along.

    Raises:
        ModelError: there is no such network.
    """
    if "bytes" in fields:
        return data(int(fields["bytes"]))
    if "path" in fields:
        return Path(str(fields["path"]))
    make = BUILT.get(str(fields.get("built")))
    if make is None:
        raise ModelError("the detector service knows no such network")
    return make()
