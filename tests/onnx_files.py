"""ONNX files without the package onnx: networks that answer every picture with the same arrays.

The encoding is Protocol Buffers'; the numbers of the fields are those of onnx.proto.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FLOAT, VARINT, BYTES = 1, 0, 2


def constant_network(
    outputs: Sequence[NDArray[np.float32]],
    sides: tuple[int, int] | None,
    *,
    channels: int = 3,
) -> bytes:
    """An ONNX file.

    Args:
        outputs: what it answers.
        sides: rows and columns of its input; None where it takes any.
        channels: of its input.
    """
    shape = [1, channels, *(sides or ("rows", "columns"))]
    no_dims = _message(5, _text(1, "keepdims") + _number(3, 0) + _number(20, 2))
    graph = [
        _text(2, "constant"),
        _message(11, _value("images", shape)),
        _message(5, _tensor("zero", np.zeros((), np.float32))),
        _node("ReduceMean", ["images"], "mean", no_dims),  # an input without a use would be lost
        _node("Mul", ["mean", "zero"], "nothing"),
    ]
    for n, array in enumerate(outputs):
        graph += [
            _node("Add", [f"value{n}", "nothing"], f"out{n}"),
            _message(5, _tensor(f"value{n}", array)),
            _message(12, _value(f"out{n}", list(array.shape))),
        ]
    opset = _text(1, "") + _number(2, 13)
    return _number(1, 8) + _message(8, opset) + _message(7, b"".join(graph))


def metadata(key: str, value: str) -> bytes:
    """What an exporter says about a file; may follow any network."""
    return _message(14, _text(1, key) + _text(2, value))


def _node(kind: str, inputs: Sequence[str], output: str, attributes: bytes = b"") -> bytes:
    named = b"".join(_text(1, name) for name in inputs)
    return _message(1, named + _text(2, output) + _text(4, kind) + attributes)


def _tensor(name: str, array: NDArray[np.float32]) -> bytes:
    dims = b"".join(_number(1, side) for side in array.shape)
    raw = np.ascontiguousarray(array, "<f4").tobytes()
    return dims + _number(2, FLOAT) + _text(8, name) + _message(9, raw)


def _value(name: str, shape: Sequence[int | str]) -> bytes:
    dims = [_text(2, side) if isinstance(side, str) else _number(1, side) for side in shape]
    tensor = _number(1, FLOAT) + _message(2, b"".join(_message(1, dim) for dim in dims))
    return _text(1, name) + _message(2, _message(1, tensor))


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3 | VARINT) + _varint(value)


def _message(field: int, payload: bytes) -> bytes:
    return _varint(field << 3 | BYTES) + _varint(len(payload)) + payload


def _text(field: int, value: str) -> bytes:
    return _message(field, value.encode())
