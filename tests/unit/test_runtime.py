"""OpenVINO runs the network, and nothing leaves the machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from stream_anon.errors import ModelError, ParserError
from stream_anon.parsing.centerface import find_weights
from stream_anon.parsing.runtime import COMPILED_SIZES, Network

if TYPE_CHECKING:
    from collections.abc import Iterator

VARIABLE = "OPENVINO_TELEMETRY_DISABLED"


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    made = Network(find_weights(), threads=1)
    yield made
    made.close()


def picture(rows: int, columns: int, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 255, (1, 3, rows, columns)).astype(np.float32)


def test_telemetry_is_off_before_openvino_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "0")
    Network(find_weights(), threads=1).close()
    assert os.environ[VARIABLE] == "1"


def test_no_socket_is_made_while_loading_and_running(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_args: object, **_kw: object) -> None:
        raise AssertionError("a socket was made")

    monkeypatch.setattr(socket, "socket", forbidden)
    monkeypatch.setattr(socket, "create_connection", forbidden)
    monkeypatch.setattr(socket, "getaddrinfo", forbidden)
    with pytest.raises(AssertionError, match="a socket"):
        socket.socket()
    network = Network(find_weights(), threads=1)
    assert len(network.run(picture(32, 64))) == 4
    network.close()


def test_a_fresh_process_opens_no_socket_and_starts_no_telemetry() -> None:
    code = (
        "import sys\n"
        "def hook(event, args):\n"
        "    if event.startswith('socket.') and event != 'socket.__new__':\n"
        "        print(event, args); sys.stdout.flush(); import os; os._exit(3)\n"
        "sys.addaudithook(hook)\n"
        "import numpy as np\n"
        "from stream_anon.frame import ColorTags\n"
        "from stream_anon.parsing.base import Look\n"
        "from stream_anon.parsing.centerface import CenterFace\n"
        "from tests.stubs import make_frame\n"
        "parser = CenterFace(ColorTags(), min_score=0.1, threads=1)\n"
        "parser.parse(make_frame(64, 64), Look(64))\n"
        "import os, threading\n"
        f"assert os.environ[{VARIABLE!r}] == '1'\n"
        "assert 'openvino' in sys.modules\n"
        "assert threading.active_count() == 1, threading.enumerate()\n"
        "print('ran')\n"
    )
    clean = {key: value for key, value in os.environ.items() if key != VARIABLE}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**clean, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p) or "."},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "ran"), done.stdout + done.stderr


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
