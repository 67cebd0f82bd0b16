"""OpenVINO runs the network, and nothing leaves the machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from stream_anon.detectors.centerface import find_weights
from stream_anon.detectors.runtime import COMPILED_SIZES, Network
from stream_anon.errors import ModelError, ParserError

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    made = Network(find_weights(), threads=1)
    yield made
    made.close()


def picture(rows: int, columns: int, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 255, (1, 3, rows, columns)).astype(np.float32)


def test_no_socket_is_made_while_loading_and_running(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[object] = []

    def forbidden(*args: object, **_kw: object) -> None:
        tried.append(args)  # whoever catches the error is found out all the same
        raise OSError("a socket was made")

    monkeypatch.setattr(socket, "socket", forbidden)
    monkeypatch.setattr(socket, "create_connection", forbidden)
    monkeypatch.setattr(socket, "getaddrinfo", forbidden)
    network = Network(find_weights(), threads=1)
    assert len(network.run(picture(32, 64))) == 4
    network.close()
    assert tried == []


FRESH = """
import sys
met = []
def hook(event, args):
    if event.startswith(("socket.connect", "socket.getaddrinfo", "socket.gethostby", "http.")):
        met.append((event, args))
sys.addaudithook(hook)
import threading, time
import numpy as np
from stream_anon.core.frame import ColorTags
from stream_anon.detectors.base import Look
from stream_anon.detectors.centerface import CenterFace
from tests.stubs import make_frame
parser = CenterFace(ColorTags(), min_score=0.1, threads=1)
parser.parse(make_frame(64, 64), Look(64))
others = [t.name for t in threading.enumerate() if t is not threading.main_thread()]
for thread in threading.enumerate():
    if thread is not threading.main_thread():
        thread.join(0.5)  # a sender gets the time to show what it is up to
assert "openvino" in sys.modules
print("met", met, "threads", others)
"""


def test_importing_and_running_calls_nobody_and_leaves_no_trace_in_a_fresh_process(
    tmp_path: Path,
) -> None:
    """Not on a CI server, where OpenVINO's telemetry is silent by itself, and with no consent."""
    silent = {"CI", "TF_BUILD", "JENKINS_URL"}
    clean = {key: value for key, value in os.environ.items() if key not in silent}
    path = os.pathsep.join([str(ROOT), *(p for p in sys.path if p)])
    done = subprocess.run(
        [sys.executable, "-c", FRESH],
        env={**clean, "PYTHONPATH": path, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "met [] threads []"
    assert not (tmp_path / "intel").exists(), "OpenVINO's telemetry has made an identity"


@pytest.mark.parametrize("shape", [(32, 32), (64, 96), (224, 384)])
def test_outputs_are_a_quarter_of_the_input(network: Network, shape: tuple[int, int]) -> None:
    heat, size, offset, marks = network.run(picture(*shape))
    rows, columns = shape[0] // 4, shape[1] // 4
    assert heat.shape == (1, 1, rows, columns)
    assert size.shape == offset.shape == (1, 2, rows, columns)
    assert marks.shape == (1, 10, rows, columns)
    assert (heat >= 0).all()
    assert (heat <= 1).all()


def test_an_earlier_answer_survives_a_later_question(network: Network) -> None:
    first = [output.copy() for output in network.run(picture(64, 64, seed=1))]
    kept = network.run(picture(64, 64, seed=1))
    network.run(picture(64, 64, seed=2))
    again = network.run(picture(64, 64, seed=1))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(first, kept, strict=True))


def test_many_sizes_do_not_pile_up() -> None:
    network = Network(find_weights(), threads=1)
    for step in range(COMPILED_SIZES + 3):
        network.run(picture(32, 32 * (step + 1)))
    assert len(network._compiled) == COMPILED_SIZES
    network.close()
    assert len(network._compiled) == 0


@pytest.mark.parametrize("weights", [b"", b"not a network", b"\x00" * 1000])
def test_weights_that_are_none_are_a_model_error(weights: bytes) -> None:
    with pytest.raises(ModelError, match="cannot read"):
        Network(weights)


def test_an_input_that_does_not_fit_is_a_parser_error(network: Network) -> None:
    with pytest.raises(ParserError, match="failed on an input"):
        network.run(np.zeros((1, 5, 64, 64), np.float32))
