"""A TCP line that fails on order: `fault_proxy.py PORT TARGET_PORT`.

Orders come on standard input, a line each, and are answered with a line; its end ends the proxy:
`pass`, `stall`, `cut`, `refuse`, and `garbage BYTES EVERY`, after which every EVERY-th of the next
BYTES to the client is another one.
"""

from __future__ import annotations

import asyncio
import random
import sys

HOST = "127.0.0.1"
CHUNK = 1 << 16


class Proxy:
    """All connections through this proxy, and what is wrong with them."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._refusing = False
        self._garbage, self._every, self._good = 0, 1, 0
        self._random = random.Random(1)
        self._ends: set[asyncio.StreamWriter] = set()

    def obey(self, order: str) -> None:
        verb, *numbers = order.split()
        if verb == "garbage":
            self._garbage, self._every = (int(number) for number in numbers)
            self._good = self._every - 1
        elif verb == "stall":
            self._flowing.clear()
        elif verb in {"cut", "refuse"}:
            self._refusing = verb == "refuse"
            for end in self._ends:
                end.transport.abort()
        elif verb == "pass":
            self._garbage, self._refusing = 0, False
            self._flowing.set()

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._ends.add(writer)
        try:
            if self._refusing:
                return
            there, back = await asyncio.open_connection(HOST, self._target)
            self._ends.add(back)
            try:
                await asyncio.gather(
                    self._carry(reader, back), self._carry(there, writer, bad=True)
                )
            finally:
                self._drop(back)
        except OSError:
            pass
        finally:
            self._drop(writer)

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, bad: bool = False
    ) -> None:
        while data := await reader.read(CHUNK):
            await self._flowing.wait()
            writer.write(self._spoil(data) if bad and self._garbage else data)
            await writer.drain()
        writer.close()

    def _spoil(self, data: bytes) -> bytes:
        count = min(self._garbage, len(data))
        self._garbage -= count
        spoiled = bytearray(data)
        places = range(self._good, count, self._every)
        for place in places:
            spoiled[place] ^= self._random.randrange(1, 256)
        # Counted on across what comes in one piece: a piece starts with a header, always.
        self._good = self._good + len(places) * self._every - count
        return bytes(spoiled)

    def _drop(self, writer: asyncio.StreamWriter) -> None:
        self._ends.discard(writer)
        writer.transport.abort()


async def main(port: int, target: int) -> None:
    proxy = Proxy(target)
    server = await asyncio.start_server(proxy.connect, HOST, port)
    print("ready", flush=True)  # noqa: T201 - the answer to being started
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(orders), sys.stdin
    )
    while order := await orders.readline():
        proxy.obey(order.decode())
        print("ok", flush=True)  # noqa: T201 - the answer
    server.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
