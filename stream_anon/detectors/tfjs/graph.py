"""A graph model of TensorFlow.js as it lies in its file: nodes, and constants as arrays."""

from __future__ import annotations

import base64
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from stream_anon.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

DTYPES = {"float32": np.float32, "int32": np.int32, "bool": np.bool_, "float16": np.float16}
STORED = {"float16": np.float16, "uint8": np.uint8, "uint16": np.uint16}
"""How quantized weights lie in the file."""


@dataclass(frozen=True, slots=True)
class Node:
    """One operation."""

    name: str
    op: str
    inputs: tuple[str, ...]
    """Names of nodes; `name:1` is the second output of one."""
    attributes: Mapping[str, Mapping[str, Any]]

    def ints(self, name: str) -> list[int]:
        """A list of numbers, such as the strides; empty where it is not given."""
        return [int(n) for n in self.attributes.get(name, {}).get("list", {}).get("i", [])]

    def text(self, name: str, default: str = "") -> str:
        """A text, such as the kind of padding."""
        given = self.attributes.get(name, {}).get("s")
        return default if given is None else base64.b64decode(given).decode()

    def texts(self, name: str) -> list[str]:
        given = self.attributes.get(name, {}).get("list", {}).get("s", [])
        return [base64.b64decode(each).decode() for each in given]

    def number(self, name: str, default: float) -> float:
        given = self.attributes.get(name, {})
        return float(given.get("f", given.get("i", default)))

    def flag(self, name: str) -> bool:
        return bool(self.attributes.get(name, {}).get("b", False))

    def shape(self) -> list[int]:
        """Of a placeholder; -1 where it is open."""
        given = self.attributes.get("shape", {}).get("shape", {}).get("dim", [])
        return [int(side.get("size", -1)) for side in given]


@dataclass(frozen=True, slots=True)
class Graph:
    """A whole model."""

    name: str
    """Of its file, for errors."""
    nodes: Mapping[str, Node]
    weights: Mapping[str, NDArray[Any]]
    outputs: tuple[str, ...]
    """Names of the tensors that the model answers with, sorted."""


def read_graph(name: str, topology: bytes, weights: bytes) -> Graph:
    """Read a model.

    Args:
        name: of its file, for errors.
        topology: the content of the `.json` file (layout: `modelTopology`, `weightsManifest`).
        weights: the content of its weight files, one after another.

    Raises:
        ModelError: it is no graph model, or damaged.
    """
    try:
        model = json.loads(topology)
        nodes = [_node(each) for each in model["modelTopology"]["node"]]
        specs = [spec for group in model["weightsManifest"] for spec in group["weights"]]
        outputs = model.get("signature", {}).get("outputs", {})
        arrays = _arrays(name, specs, weights)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{name} is no graph model of TensorFlow.js, or damaged ({type(error).__name__}): "
            "fetch it again"
        ) from error
    named = sorted(each["name"].removesuffix(":0") for each in outputs.values())
    return Graph(name, {node.name: node for node in nodes}, arrays, tuple(named or _ends(nodes)))


def _node(given: Mapping[str, Any]) -> Node:
    inputs = tuple(name for name in given.get("input", ()) if not name.startswith("^"))
    return Node(given["name"], given["op"], inputs, given.get("attr", {}))


def _ends(nodes: list[Node]) -> list[str]:
    """Nodes that no other one takes anything from."""
    used = {name.split(":")[0] for node in nodes for name in node.inputs}
    return sorted(n.name for n in nodes if n.name not in used and n.op not in {"Const", "NoOp"})


def _arrays(name: str, specs: list[Mapping[str, Any]], data: bytes) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {}
    start = 0
    for spec in specs:
        dtype = np.dtype(DTYPES[spec["dtype"]])
        packed = spec.get("quantization")
        stored = np.dtype(STORED[packed["dtype"]] if packed else dtype)
        end = start + stored.itemsize * math.prod(spec["shape"])
        if end > len(data):
            raise ModelError(f"the weights of {name} are cut off: fetch them again")
        array = np.frombuffer(data[start:end], stored).reshape(spec["shape"])
        if packed and "scale" in packed:
            array = array.astype(np.float32) * packed["scale"] + packed["min"]
        arrays[spec["name"]] = array.astype(dtype)
        start = end
    if start != len(data):
        raise ModelError(f"the weights of {name} do not match its graph: fetch both again")
    return arrays
