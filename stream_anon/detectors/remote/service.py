"""The side of the networks: a few workers that streams share, each stream in its turn."""

from __future__ import annotations

import os
import selectors
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np

from stream_anon.detectors.remote.blocks import BadBlock, Block
from stream_anon.detectors.remote.pools import Pool, Pools, Wanted, weights_of
from stream_anon.detectors.remote.ports import Message, Port, PortClosed
from stream_anon.detectors.remote.turns import Turns
from stream_anon.errors import ParserError, StreamAnonError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

LIMIT, SLOW_LIMIT, LOADING_LIMIT = 10.0, 60.0, 180.0
"""Seconds that one run may take, that of a slow network, and loading or compiling, before the
service is taken to hang."""
ALIGNED = 64
MOST_SIDES = 6
"""Of an input: more is nonsense."""


@dataclass(eq=False)
class Channel:
    """One network of one stream."""

    port: Port
    stream: int
    lock: threading.Lock = field(default_factory=threading.Lock)
    """Held by the worker that answers it."""
    pool: Pool | None = None
    is_slow: bool = False
    input: Block | None = None
    output: Block | None = None
    is_gone: bool = False


@dataclass(eq=False)
class Job:
    """One question."""

    channel: Channel
    message: Message


class NetworkService:
    """Loads and runs networks for clients until whoever controls it is gone."""

    def __init__(self, control: Port, *, workers: int = 2, pools: Pools | None = None) -> None:
        """Nothing runs yet.

        Args:
            control: links to streams come from there, and questions whether it still works.
            workers: runs at the same time, 2 at least: one may be a slow one.
            pools: of networks.
        """
        self._control = control
        self._pools = pools or Pools()
        self._turns: Turns[Job] = Turns()
        self._due: list[float | None] = [None] * max(2, workers)
        """When the run of each worker has to be done."""
        self._selector = selectors.DefaultSelector()
        self._streams = 0

    def run(self) -> None:
        """Serve, until the other end of `control` is gone."""
        self._selector.register(self._control, selectors.EVENT_READ, self._obey)
        workers = [
            threading.Thread(target=self._work, args=(number,), daemon=True)
            for number in range(len(self._due))
        ]
        for worker in workers:
            worker.start()
        try:
            while True:
                for key, _ in self._selector.select():
                    key.data()
        except PortClosed:
            self._turns.end()
            for key in list(self._selector.get_map().values()):
                key.fileobj.close()  # type: ignore[union-attr]
            self._selector.close()

    # -- what comes in ----------------------------------------------------------------------------

    def _obey(self) -> None:
        message = self._control.receive()
        fd = message.the_fd()
        if message.fields.get("kind") == "link" and fd is not None:
            self._streams += 1
            stream, link = self._streams, Port.of(fd)
            self._selector.register(
                link, selectors.EVENT_READ, lambda: self._open_channel(link, stream)
            )
        elif message.fields.get("kind") == "ping":
            now = monotonic()
            overdue = any(due is not None and now > due for due in self._due)
            self._control.send({"kind": "pong", "overdue": overdue})

    def _open_channel(self, link: Port, stream: int) -> None:
        try:
            message = link.receive(0)
            fd = message.the_fd()
            if fd is None:
                return
            channel = Channel(Port.of(fd), stream)
        except (PortClosed, TimeoutError):
            self._selector.unregister(link)
            link.close()
            for job in self._turns.forget(stream):
                job.message.close()
            return
        self._selector.register(
            channel.port, selectors.EVENT_READ, lambda: self._take_question(channel)
        )

    def _take_question(self, channel: Channel) -> None:
        try:
            job = Job(channel, channel.port.receive(0))
        except (PortClosed, TimeoutError):
            self._drop(channel)
            return
        is_slow = channel.is_slow or job.message.fields.get("slow") is True
        if not self._turns.add(channel.stream, job, slow=is_slow):
            job.message.close()
            self._drop(channel)

    def _drop(self, channel: Channel) -> None:
        """Forget a channel; what it has is freed by its worker, or now."""
        with suppress(KeyError):
            self._selector.unregister(channel.port)
        channel.is_gone = True
        channel.port.shut()
        if channel.lock.acquire(blocking=False):
            try:
                self._free(channel)
            finally:
                channel.lock.release()

    def _free(self, channel: Channel) -> None:
        pool, channel.pool = channel.pool, None
        if pool is not None:
            self._pools.release(pool)
        for block in (channel.input, channel.output):
            if block is not None:
                block.close()
        channel.input = channel.output = None
        channel.port.close()

    # -- the workers ------------------------------------------------------------------------------

    def _work(self, number: int) -> None:
        while (taken := self._turns.take()) is not None:
            job, is_slow = taken
            with job.channel.lock:
                self._due[number] = monotonic() + (SLOW_LIMIT if is_slow else LIMIT)
                try:
                    self._answer(job, number)
                finally:
                    self._due[number] = None
                    if is_slow:
                        self._turns.slow_done()
                    if job.channel.is_gone:
                        self._free(job.channel)

    def _answer(self, job: Job, number: int) -> None:
        channel, fields = job.channel, job.message.fields
        fds: list[int] = []
        try:
            fd = job.message.the_fd()
            if channel.is_gone:
                if fd is not None:
                    os.close(fd)
                return
            if fields.get("kind") == "load":
                self._due[number] = monotonic() + LOADING_LIMIT
                answer = self._load(channel, fields, fd)
            else:
                answer, fds = self._run(channel, fields, fd, number)
        except StreamAnonError as error:
            answer = {"kind": "failed", "error": type(error).__name__, "said": str(error)}
        except Exception as error:  # noqa: BLE001 - one stream's failure is no other's
            said = f"the detector service failed ({type(error).__name__})"
            answer = {"kind": "failed", "error": "ParserError", "said": said}
        with suppress(PortClosed):
            channel.port.send(answer | {"n": fields.get("n")}, fds)

    def _load(self, channel: Channel, fields: dict[str, Any], fd: int | None) -> dict[str, Any]:
        block = None if fd is None else Block(fd)
        try:
            wanted = Wanted(
                str(fields["identity"]),
                int(fields["threads"]),
                "f32" if fields["precision"] == "f32" else "auto",
            )

            def data(size: int) -> bytes:
                if block is None:
                    raise BadBlock
                return bytes(block.array("uint8", [size]))

            channel.pool = self._pools.acquire(wanted, lambda: weights_of(fields, data))
            channel.is_slow = fields["slow"] is True
            with channel.pool.one() as network:
                return {"kind": "loaded", "inputs": network.inputs()}
        finally:
            if block is not None:
                block.close()

    def _run(
        self, channel: Channel, fields: dict[str, Any], fd: int | None, number: int
    ) -> tuple[dict[str, Any], list[int]]:
        if fd is not None:
            if channel.input is not None:
                channel.input.close()
                channel.input = None
            channel.input = Block(fd)
        if channel.pool is None or channel.input is None:
            raise ParserError("the detector service was asked to run what it has not loaded")
        shape = tuple(int(side) for side in fields["shape"][:MOST_SIDES])
        picture = channel.input.array("float32", shape)
        with channel.pool.one() as network:
            has_compiled = getattr(network, "has_compiled", None)
            if has_compiled is not None and not has_compiled(shape):
                self._due[number] = monotonic() + LOADING_LIMIT
                channel.port.send({"kind": "compiling", "n": fields.get("n")})
            outputs = [np.ascontiguousarray(output) for output in network.run(picture)]
            return self._packed(channel, outputs)

    def _packed(
        self, channel: Channel, outputs: Sequence[NDArray[Any]]
    ) -> tuple[dict[str, Any], list[int]]:
        table: list[Any] = []
        end = 0
        for output in outputs:
            table.append([output.dtype.name, list(output.shape), end])
            end += -(-output.nbytes // ALIGNED) * ALIGNED
        fds: list[int] = []
        if channel.output is None or channel.output.size < end:
            if channel.output is not None:
                channel.output.close()
            channel.output = Block.of(end)
            fds = [channel.output.fd]
        for (dtype, shape, offset), output in zip(table, outputs, strict=True):
            channel.output.array(dtype, shape, offset)[...] = output
        return {"kind": "ran", "outputs": table}, fds
