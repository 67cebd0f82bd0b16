"""A made-up process of a camera: counts pictures, and crashes or hangs where its source says so.

Its pictures are text: the number of the picture, and what it was told last.
"""

from __future__ import annotations

import os
import threading
from time import sleep
from typing import Any

import numpy as np

from stream_anon.processes.host import ParentPipe, serve
from stream_anon.processes.wire import Message

STEP = 0.02


def work(parent: ParentPipe) -> None:
    order = parent.receive()
    if order is None:
        return
    source = order.fields["source"]
    told: dict[str, Any] = {
        "redaction": order.fields["settings"]["redaction"],
        "watched": order.fields["watched"],
        "banner": "",
    }
    over = threading.Event()
    threading.Thread(target=_listen, args=(parent, told, over), daemon=True).start()
    if "refuse" in source:
        parent.send(Message("failed", {"reason": f"cannot open {source}", "permanent": True}))
        return
    for number in range(1, 1 << 30):
        text = f"{number} {told['redaction']['method']} watched={told['watched']}"
        data = np.frombuffer(text.encode(), np.uint8).reshape(1, -1)
        parent.send(Message("picture", {}, (data,)))
        raw = np.frombuffer(f"RAW {told['banner']}".encode(), np.uint8).reshape(1, -1)
        parent.send(Message("raw", {}, (raw,)))  # asked for or not: it may be on its way
        parent.send(Message("figures", _figures(number, source)))
        if "crash" in source and number == 10:
            os.kill(os.getpid(), 9)
        if "hang" in source and number == 10:
            sleep(3600)
        if over.wait(STEP):
            break
    parent.send(Message("ended"))


def _figures(number: int, source: str) -> dict[str, Any]:
    away = "away" in source
    return {
        "connected": not away,
        "reason": f"no answer from {source}" if away else "",
        "fps": 50.0, "latency_ms": 80, "people": 1, "hidden_whole": number // 5,
        "hidden_now": None, "frames": number, "dropped": 0, "level": 0,
    }  # fmt: skip


def _listen(parent: ParentPipe, told: dict[str, Any], over: threading.Event) -> None:
    while (message := parent.receive()) is not None:
        if message.kind == "redaction":
            told["redaction"] = message.fields["redaction"]
        elif message.kind == "watched":
            told["watched"] = message.fields["on"]
        elif message.kind == "raw":
            told["banner"] = message.fields["banner"]
        elif message.kind == "stop":
            over.set()
    os._exit(0)


if __name__ == "__main__":
    serve(work)
