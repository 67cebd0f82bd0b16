"""OpenVINO runs the network, and nothing leaves the machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from stream_anon.core.frame import ColorTags
from stream_anon.detectors import compiled, runtime
from stream_anon.detectors.base import DetectionPass
from stream_anon.detectors.centerface import CenterFace, find_weights
from stream_anon.detectors.runtime import COMPILED_SIZES, Network
from stream_anon.errors import ModelError, ParserError
from tests.stubs import astronaut_frame

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

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
from stream_anon.detectors.base import DetectionPass
from stream_anon.detectors.centerface import CenterFace
from tests.stubs import make_frame
parser = CenterFace(ColorTags(), min_score=0.1, threads=1)
parser.parse(make_frame(64, 64), DetectionPass(64))
others = [t.name for t in threading.enumerate() if t is not threading.main_thread()]
for thread in threading.enumerate():
    if thread is not threading.main_thread():
        thread.join(0.5)  # a sender gets the time to show what it is up to
assert "openvino" in sys.modules
print("met", met, "threads", others)
"""


@pytest.mark.slow
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


def test_many_sizes_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "COMPILED", compiled.Compiled())
    network = Network(find_weights(), threads=1)
    for step in range(COMPILED_SIZES + 3):
        network.run(picture(32, 32 * (step + 1)))
    assert held() == COMPILED_SIZES
    network.close()
    assert held() == 0


@pytest.mark.parametrize("weights", [b"", b"not a network", b"\x00" * 1000])
def test_weights_that_are_none_are_a_model_error(weights: bytes) -> None:
    with pytest.raises(ModelError, match="cannot read"):
        Network(weights)


def test_an_input_that_does_not_fit_is_a_parser_error(network: Network) -> None:
    with pytest.raises(ParserError, match="failed on an input"):
        network.run(np.zeros((1, 5, 64, 64), np.float32))


def held() -> int:
    """Compiled networks that somebody uses."""
    return len(vars(runtime)["COMPILED"])


class TestShared:
    """Two networks of the same weights and settings hold one compiled network for each size."""

    @pytest.fixture
    def compiled_shapes(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
        """Input shapes in the order in which they were compiled; the process holds nothing yet."""
        shapes: list[tuple[int, ...]] = []
        real = Network._compile

        def noted(network: Network, shape: tuple[int, ...]) -> Any:
            shapes.append(shape)
            return real(network, shape)

        monkeypatch.setattr(Network, "_compile", noted)
        monkeypatch.setattr(runtime, "COMPILED", compiled.Compiled())
        return shapes

    def test_two_detectors_compile_once_for_each_size(
        self, compiled_shapes: list[tuple[int, ...]]
    ) -> None:
        frame = astronaut_frame()
        one, two = (CenterFace(ColorTags(), min_score=0.2, threads=1) for _ in range(2))
        answers = [
            [
                (part.label, part.box, part.score)
                for part in detector.parse(frame, DetectionPass(side))
            ]
            for detector in (one, two, one)
            for side in (128, 256)
        ]
        assert answers[0]
        assert answers[:2] == answers[2:4] == answers[4:]
        assert len(compiled_shapes) == len(set(compiled_shapes)) == 2
        one.close()
        again = [
            (part.label, part.box, part.score) for part in two.parse(frame, DetectionPass(256))
        ]
        assert again == answers[1]
        assert len(compiled_shapes) == 2
        two.close()
        assert held() == 0

    def test_at_once_too_and_each_thread_gets_its_own_answer(
        self, compiled_shapes: list[tuple[int, ...]]
    ) -> None:
        networks = [Network(find_weights(), threads=1) for _ in range(4)]
        inputs = [picture(64, 64, seed=seed) for seed in range(4)]
        with ThreadPoolExecutor(4) as pool:
            at_once = list(
                pool.map(lambda n: [networks[n].run(inputs[n]) for _ in range(8)][-1], range(4))
            )
        assert len(compiled_shapes) == 1
        for given, answer in zip(inputs, at_once, strict=True):
            alone = networks[0].run(given)
            assert all(np.array_equal(a, b) for a, b in zip(alone, answer, strict=True))
        for network in networks:
            network.close()
        assert held() == 0

    def test_other_settings_are_another_network(
        self, compiled_shapes: list[tuple[int, ...]]
    ) -> None:
        networks = [
            Network(find_weights(), threads=1),
            Network(find_weights(), threads=2),
            Network(find_weights(), threads=1, precision="f32"),
        ]
        for network in networks:
            network.run(picture(32, 32))
        assert len(compiled_shapes) == held() == 3
        for network in networks:
            network.close()
        assert held() == 0

    @pytest.mark.usefixtures("compiled_shapes")
    def test_what_cannot_be_compiled_is_not_held(self) -> None:
        network = Network(find_weights(), threads=1)
        with pytest.raises(ParserError):
            network.run(np.zeros((1, 5, 64, 64), np.float32))
        assert held() == 0
