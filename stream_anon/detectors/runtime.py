"""Running a network on the CPU with OpenVINO, and nothing but that."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import numpy as np

from stream_anon.core.dependencies import LIBRARIES, cause
from stream_anon.core.process_state import first_alone
from stream_anon.core.processors import usable_processors
from stream_anon.detectors.compiled import COMPILED, Key
from stream_anon.detectors.openvino_start import import_openvino, new_core
from stream_anon.errors import ModelError, ParserError, StreamAnonError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


class Built(NamedTuple):
    """A network that was put together here, and lies in no file."""

    identity: str
    """The same for the same network: a hash of what it was made from."""
    build: Callable[[], Any]
    """Makes the `openvino.Model`, in the process that runs it."""
    name: str = ""
    """A row of `remote.built`, for a service that is to build it; empty where there is none."""


Weights = bytes | Path | Built
Precision = Literal["auto", "f32"]


class Runnable(Protocol):
    """A network that is loaded, here or elsewhere. Used by one thread at a time."""

    def inputs(self) -> list[list[int | None] | None]:
        """The shape of each input; None for a side that may be any, or for a rank that may."""

    def run(self, picture: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """All outputs for one input; raises `ParserError`."""

    def close(self) -> None:
        """Free it. Called once."""


class Networks(Protocol):
    """Loads networks: `Network` in this process, `RemoteNetworks` in another one."""

    def __call__(
        self, weights: Weights, *, threads: int = 0, precision: Precision = "auto"
    ) -> Runnable:
        """As `Network`."""


ANEW = f"see stream-anon doctor, or pip install --force-reinstall {LIBRARIES['openvino'].package}"
"""The next step."""
COMPILED_SIZES = 10
"""Input sizes kept compiled: deep, its octaves, light, close, and those for small faces."""


class Network:
    """One network, compiled for each input size it meets. Used by one thread at a time.

    Networks with the same weights and settings share what is compiled, whatever stream they are of;
    each has infer requests of its own.
    """

    def __init__(
        self,
        weights: Weights,
        *,
        threads: int = 0,
        precision: Precision = "auto",
        sizes: int = COMPILED_SIZES,
    ) -> None:
        """Read the network.

        Args:
            weights: the content of an ONNX file, the path of an OpenVINO one, or a network that
                was built.
            threads: processor threads; 0 takes half of those that this process may use: the
                encoder wants the rest.
            precision: `auto` computes in bfloat16 where the processor does so natively.
            sizes: input sizes that stay compiled.

        Raises:
            DependencyError: OpenVINO is missing, or does not start.
            ModelError: OpenVINO cannot read it.
        """
        self._core = new_core(import_openvino())
        self._weights = str(weights) if isinstance(weights, Path) else weights
        self._built: Any = None
        """The model of a `Built`; stays as it is."""
        self._settings: dict[str, Any] = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            # Pinned threads would fight the encoder's for the same core while others idle.
            "ENABLE_CPU_PINNING": False,
        }
        if precision != "auto":
            self._settings["INFERENCE_PRECISION_HINT"] = precision
        self._settings["INFERENCE_NUM_THREADS"] = threads or max(1, usable_processors() // 2)
        self._requests: OrderedDict[Key, Any] = OrderedDict()
        self._sizes = sizes
        try:
            self._identity = identity_of(weights)
            with first_alone("read"):
                self._read()
        except StreamAnonError:
            raise
        except Exception as error:
            raise ModelError(
                f"OpenVINO cannot read the network's weights ({cause(error)}): {ANEW}"
            ) from error

    def inputs(self) -> list[list[int | None] | None]:
        """The shape of each input; None for a side that may be any, or for a rank that may."""
        shapes = [port.partial_shape for port in self._read().inputs]
        return [
            [side.get_length() if side.is_static else None for side in shape]
            if shape.rank.is_static
            else None
            for shape in shapes
        ]

    def has_compiled(self, shape: tuple[int, ...]) -> bool:
        """Whether a picture of this shape can be run at once."""
        return self._key(shape) in self._requests

    def run(self, picture: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """All outputs for one input of any size.

        Raises:
            ParserError: OpenVINO failed.
        """
        try:
            request = self._request(picture.shape)
            with first_alone("infer"):
                answer = request.infer([picture], share_inputs=True)
                return [np.asarray(answer[port]) for port in request.model_outputs]
        except (ParserError, MemoryError):
            raise
        except Exception as error:
            raise ParserError(
                f"OpenVINO failed on an input of {picture.shape} ({cause(error)}): {ANEW}"
            ) from error

    def _request(self, shape: tuple[int, ...]) -> Any:
        key = self._key(shape)
        if key in self._requests:
            self._requests.move_to_end(key)
            return self._requests[key]
        compiled = COMPILED.acquire(key, lambda: self._compile(shape))
        try:
            with first_alone("request"):
                self._requests[key] = request = compiled.create_infer_request()
        except BaseException:
            COMPILED.release(key)
            raise
        if len(self._requests) > self._sizes:
            self._free(next(iter(self._requests)))
        return request

    def _key(self, shape: tuple[int, ...]) -> Key:
        return Key(self._identity, tuple(sorted(self._settings.items())), shape)

    def _compile(self, shape: tuple[int, ...]) -> Any:
        with first_alone("compile"):
            model = self._read()
            model.reshape(list(shape))
            try:
                return self._core.compile_model(model, "CPU", self._settings)
            except MemoryError:
                raise
            except Exception as error:
                raise ParserError(
                    f"OpenVINO cannot compile the network for this machine ({cause(error)}): {ANEW}"
                ) from error

    def _read(self) -> Any:
        """A copy that may be changed."""
        if isinstance(self._weights, Built):
            if self._built is None:
                self._built = self._weights.build()
            return self._built.clone()
        return self._core.read_model(self._weights)

    def _free(self, key: Key) -> None:
        del self._requests[key]
        COMPILED.release(key)

    def close(self) -> None:
        """Free the infer requests, and the compiled networks that nobody else uses."""
        for key in list(self._requests):
            self._free(key)


def identity_of(weights: Weights) -> str:
    """The same for the same weights."""
    if isinstance(weights, Built):
        return weights.identity
    if isinstance(weights, bytes):
        return hashlib.sha256(weights).hexdigest()
    state = Path(weights).stat()
    return f"{Path(weights).resolve()} {state.st_size} {state.st_mtime_ns}"
