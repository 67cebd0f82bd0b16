"""The side of a stream: networks that look like those of this process, and run in the service's."""

from __future__ import annotations

import threading
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np

from stream_anon import errors
from stream_anon.detectors.remote.blocks import BadBlock, Block
from stream_anon.detectors.remote.ports import Message, Port, PortClosed
from stream_anon.detectors.runtime import Built, Precision, Weights, identity_of
from stream_anon.errors import ModelError, ParserError, StreamAnonError

if TYPE_CHECKING:
    from numpy.typing import NDArray

RUNNING, RUNNING_SLOW = 4.0, 30.0
"""Seconds that an answer may take: less than `live.stall`, so that the worker goes on."""
COMPILING = 60.0
"""Seconds more where the service says that it compiles first."""
LOADING = 60.0
"""Seconds that loading a network may take, and that a service may take to come back meanwhile."""
GONE = "the detector service is gone: it is started again"
_MALFORMED = (KeyError, TypeError, ValueError, OverflowError)


class RemoteNetworks:
    """`Networks` in the service's process. Any thread may call anything.

    It begins without a service. Whoever starts services hands a link to each new one over.
    """

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._link: Port | None = None
        self._is_closed = False
        self.generation = 0
        """Counts the services so far."""

    def connect(self, link: Port) -> None:
        """There is a new service, behind this link."""
        with self._lock:
            before, self._link = self._link, link
            self.generation += 1
            self._lock.notify_all()
        if before is not None:
            before.close()

    def __call__(
        self, weights: Weights, *, threads: int = 0, precision: Precision = "auto"
    ) -> RemoteNetwork:
        """Load a network there; waits for a service where there is none.

        Raises:
            ModelError: the service cannot read it, or there is no service in time.
        """
        return RemoteNetwork(self, weights, threads, precision)

    def channel(self, patience: float) -> tuple[Port, int]:
        """A connection of its own to the service that there is now, and which service that is.

        Raises:
            PortClosed: there is none, also after `patience` seconds.
        """
        until = monotonic() + patience
        with self._lock:
            while True:
                if self._link is not None and not self._is_closed:
                    ours, theirs = Port.pair()
                    try:
                        self._link.send({"kind": "open"}, [theirs.fileno()])
                    except PortClosed:
                        self._link.close()
                        self._link = None
                        ours.close()
                    else:
                        return ours, self.generation
                    finally:
                        theirs.let_go()
                left = until - monotonic()
                if left <= 0 or self._is_closed:
                    raise PortClosed
                self._lock.wait(left)

    def close(self) -> None:
        """No service comes any more."""
        with self._lock:
            link, self._link, self._is_closed = self._link, None, True
            self._lock.notify_all()
        if link is not None:
            link.close()


class RemoteNetwork:
    """One network in the service. Used by one thread at a time.

    It is loaded again in a service that took the place of the one that it was loaded in.
    """

    def __init__(
        self, networks: RemoteNetworks, weights: Weights, threads: int, precision: Precision
    ) -> None:
        """As `RemoteNetworks`."""
        self._networks, self._weights = networks, weights
        self._identity = identity_of(weights)
        # What is converted for this machine is large; whatever else there is runs on many frames.
        self._is_slow = isinstance(weights, Path)
        self._wanted = {"threads": threads, "precision": precision, "slow": self._is_slow}
        self._port: Port | None = None
        self._generation = 0
        self._input: Block | None = None
        self._output: Block | None = None
        self._number = 0
        self._inputs: list[list[int | None] | None] = []
        try:
            self._load(LOADING)
        except ParserError as error:
            raise ModelError(str(error)) from error
        except BaseException:
            self._leave()
            raise

    def inputs(self) -> list[list[int | None] | None]:
        """The shape of each input; None for a side that may be any, or for a rank that may."""
        return self._inputs

    def run(self, picture: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """All outputs for one input of any size.

        Raises:
            ParserError: the service failed, is gone, or did not answer in time.
        """
        if self._port is None or self._generation != self._networks.generation:
            self._load(0.0)
        try:
            return self._run(picture)
        except TimeoutError as error:
            raise ParserError("the detector service did not answer in time") from error
        except (PortClosed, BadBlock, *_MALFORMED) as error:
            self._leave()
            raise ParserError(GONE) from error

    def _run(self, picture: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        fds: list[int] = []
        if self._input is None or self._input.size < picture.nbytes:
            if self._input is not None:
                self._input.close()
            self._input = Block.of(picture.nbytes)
            fds = [self._input.fd]
        self._input.array("float32", picture.shape)[...] = picture
        self._number += 1
        answer = self._ask(
            {"kind": "run", "n": self._number, "shape": list(picture.shape)},
            fds,
            RUNNING_SLOW if self._is_slow else RUNNING,
        )
        if (fd := answer.the_fd()) is not None:
            if self._output is not None:
                self._output.close()
            self._output = Block(fd)
        if self._output is None:
            raise BadBlock
        outputs = self._output
        return [
            outputs.array(str(dtype), shape, int(offset)).copy()
            for dtype, shape, offset in answer.fields["outputs"]
        ]

    def _load(self, patience: float) -> None:
        """Raises `ParserError` where there is no service, `ModelError` where it cannot load it."""
        self._leave()
        fields: dict[str, Any] = {"kind": "load", "n": 0, "identity": self._identity}
        weights, block = self._weights, None
        try:
            self._port, self._generation = self._networks.channel(patience)
            if isinstance(weights, bytes):
                block = Block.of(len(weights))
                block.array("uint8", [len(weights)])[...] = np.frombuffer(weights, np.uint8)
                fields["bytes"] = len(weights)
            elif isinstance(weights, Built):
                fields["built"] = weights.name
            else:
                fields["path"] = str(weights)
            fds = [] if block is None else [block.fd]
            answer = self._ask(fields | self._wanted, fds, LOADING)
            self._inputs = list(answer.fields["inputs"])
        except (TimeoutError, PortClosed, BadBlock, *_MALFORMED) as error:
            self._leave()
            raise ParserError(GONE) from error
        finally:
            if block is not None:
                block.close()

    def _ask(self, fields: dict[str, Any], fds: list[int], limit: float) -> Message:
        """Ask, and wait for the answer; answers to what was asked earlier are left out."""
        if self._port is None:
            raise PortClosed
        self._port.send(fields, fds)
        until = monotonic() + limit
        while True:
            message = self._port.receive(max(0.0, until - monotonic()))
            kind = message.fields.get("kind")
            if message.fields.get("n") != fields["n"]:
                if (fd := message.the_fd()) is not None:  # the answer after it is in there too
                    self._take_output(fd)
            elif kind == "compiling":
                until += COMPILING
            elif kind == "failed":
                raise _error(message.fields)
            else:
                return message

    def _take_output(self, fd: int) -> None:
        if self._output is not None:
            self._output.close()
        self._output = Block(fd)

    def _leave(self) -> None:
        port, self._port = self._port, None
        if port is not None:
            port.close()
        for block in (self._input, self._output):
            if block is not None:
                block.close()
        self._input = self._output = None

    def close(self) -> None:
        """Tell the service that it is not needed any more."""
        self._leave()


def _error(fields: dict[str, Any]) -> StreamAnonError:
    kind = getattr(errors, str(fields.get("error")), ParserError)
    if not (isinstance(kind, type) and issubclass(kind, StreamAnonError)):
        kind = ParserError
    found: StreamAnonError = kind(str(fields.get("said")))
    return found
