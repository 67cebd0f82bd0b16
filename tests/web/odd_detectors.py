"""A made-up detector service: it answers pings, and hangs or dies where its name says so."""

from __future__ import annotations

import os
import threading

from stream_anon.detectors.remote.ports import Port
from stream_anon.processes.host import ParentPipe, serve


def work(parent: ParentPipe) -> None:
    order = parent.receive()
    if order is None:
        return
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    control = Port.of(int(order.fields["control"]))
    links: list[int] = []
    while True:
        message = control.receive()
        links += message.fds
        if message.fields["kind"] == "ping":
            control.send({"kind": "pong", "overdue": len(links) > 1})


def _end_with(parent: ParentPipe) -> None:
    while parent.receive() is not None:
        continue
    os._exit(0)


if __name__ == "__main__":
    serve(work)
