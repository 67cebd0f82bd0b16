"""Cameras that send JPEG after JPEG over HTTP: no times, so that arrival is the clock."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice, pairwise
from time import monotonic, sleep
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from tests.live_sources import connected
from tests.patterns import texture

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.slow, pytest.mark.realtime]

SIZE = (160, 96)


@contextmanager
def camera(rate: float) -> Iterator[str]:
    """The address of a camera."""
    pictures = [
        cv2.imencode(".jpg", texture(n)[: SIZE[1], : SIZE[0]])[1].tobytes() for n in range(8)
    ]
    done = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=cut")
            self.end_headers()
            began = monotonic()
            for number in range(10_000):
                data = pictures[number % len(pictures)]
                head = b"--cut\r\nContent-Type: image/jpeg\r\n"
                head += b"Content-Length: %d\r\n\r\n" % len(data)
                try:
                    self.wfile.write(head + data + b"\r\n")
                except OSError:
                    return
                if done.is_set():
                    return
                sleep(max(0.0, began + (number + 1) / rate - monotonic()))

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/video"
    finally:
        done.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("rate", [5, 12])
def test_frames_are_shown_at_the_pace_of_the_camera(rate: int) -> None:
    with camera(rate) as address, connected(address) as source:
        assert source.info.rate is not None
        assert float(source.info.rate) == pytest.approx(rate, rel=0.25)
        frames = list(islice(source.frames(), 3 * rate))[3:]
    steps = [(b.pts - a.pts) * a.time_base for a, b in pairwise(frames)]
    assert float(np.median(np.array(steps, float))) == pytest.approx(1 / rate, rel=0.1)
    uneven = [step for step in steps if not 0.4 / rate < step < 2 / rate]
    assert len(uneven) <= len(steps) // 10
