"""The process of the detector service, which has the networks of all cameras.

Its first message says which descriptor its service is controlled by, and how many workers it has.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from stream_anon.detectors.remote.ports import Port
from stream_anon.detectors.remote.service import NetworkService
from stream_anon.processes.host import ParentPipe, serve

if TYPE_CHECKING:
    from stream_anon.processes.wire import Message


def main() -> None:
    """Serve one parent."""
    serve(work)


def work(parent: ParentPipe) -> None:
    """Run networks until the parent is gone."""
    order: Message | None = parent.receive()
    if order is None:
        return
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    NetworkService(Port.of(int(order.fields["control"])), workers=order.fields["workers"]).run()


def _end_with(parent: ParentPipe) -> None:
    while parent.receive() is not None:
        continue
    os._exit(0)


if __name__ == "__main__":
    main()
