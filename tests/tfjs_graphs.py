"""Small graph models of TensorFlow.js, written by hand."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Attributes = dict[str, dict[str, Any]]


def ints(*values: int) -> dict[str, Any]:
    return {"list": {"i": [str(value) for value in values]}}


def text(value: str) -> dict[str, Any]:
    return {"s": base64.b64encode(value.encode()).decode()}


def texts(*values: str) -> dict[str, Any]:
    return {"list": {"s": [base64.b64encode(value.encode()).decode() for value in values]}}


def window(*, stride: int = 1, padding: str = "SAME", side: int = 0) -> Attributes:
    """Attributes of a convolution, or of pooling over `side` pixels."""
    size = {"ksize": ints(1, side, side, 1)} if side else {"dilations": ints(1, 1, 1, 1)}
    return {"strides": ints(1, stride, stride, 1), "padding": text(padding), **size}


class Drawing:
    """A graph in the making; nodes are named by whoever adds them."""

    def __init__(self, *shape: int) -> None:
        """Args: shape: of the input, which is called `x`."""
        sides = {"dim": [{"size": str(side)} for side in shape]}
        self.nodes: list[dict[str, Any]] = [
            {"name": "x", "op": "Placeholder", "attr": {"shape": {"shape": sides}}}
        ]
        self.specs: list[dict[str, Any]] = []
        self.data = b""
        self.outputs: list[str] = []

    def const(self, name: str, value: NDArray[Any] | list[int] | float) -> str:
        array = np.asarray(value)
        array = array.astype(np.float32 if array.dtype.kind == "f" else np.int32)
        self.packed(name, array.shape, array.dtype.name, array.tobytes())
        return name

    def packed(
        self,
        name: str,
        shape: tuple[int, ...],
        dtype: str,
        data: bytes,
        quantization: dict[str, Any] | None = None,
    ) -> None:
        """A constant as it lies in the file."""
        spec: dict[str, Any] = {"name": name, "shape": list(shape), "dtype": dtype}
        self.specs.append(spec | ({"quantization": quantization} if quantization else {}))
        self.data += data
        self.nodes.append({"name": name, "op": "Const"})

    def node(self, op: str, *inputs: str, name: Any = "y", **attributes: Any) -> str:
        """One operation."""
        self.nodes.append({"name": name, "op": op, "input": list(inputs), "attr": attributes})
        return str(name)

    def files(self) -> tuple[bytes, bytes]:
        """The JSON file and the weights."""
        model: dict[str, Any] = {
            "format": "graph-model",
            "modelTopology": {"node": self.nodes},
            "weightsManifest": [{"paths": ["a.bin"], "weights": self.specs}],
        }
        if self.outputs:
            named = {f"{name}:0": {"name": f"{name}:0"} for name in self.outputs}
            model["signature"] = {"outputs": named}
        return json.dumps(model).encode(), self.data
