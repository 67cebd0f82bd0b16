"""The operations of TensorFlow.js that are known, each as operations of OpenVINO.

TensorFlow keeps channels last, OpenVINO wants them first. So a `Tensor` says in which order its
axes lie; transposing one changes that order and computes nothing, and pictures stay as OpenVINO
wants them from one convolution to the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from stream_anon.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from stream_anon.detectors.tfjs.graph import Node

CHANNELS_FIRST = (0, 2, 3, 1)
"""Where the axes of a picture (N, H, W, C) lie in an array (N, C, H, W)."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """A value that is computed when the network runs."""

    node: Any
    """OpenVINO's output."""
    order: tuple[int, ...]
    """Axis n of the tensor is axis `order[n]` of the node."""


Value = Tensor | np.ndarray
"""What a node gives: constants stay arrays."""


class Operations:
    """Builds one network."""

    def __init__(self, openvino: Any) -> None:
        self._ops = openvino.opset13

    def placeholder(self, shape: Sequence[int], openvino: Any) -> Any:
        return self._ops.parameter(list(shape), openvino.Type.f32)

    def build(self, node: Node, given: Sequence[Value]) -> list[Value]:
        """The outputs of one node.

        Raises:
            ModelError: an operation, or a way to use it, that is not known.
        """
        constants = [each for each in given if isinstance(each, np.ndarray)]
        if len(constants) == len(given) and node.op in _FOLDED:
            return [_FOLDED[node.op](*constants)]
        if node.op in _UNARY:
            return [self._unary(node.op, node, self.tensor(given[0]))]
        if node.op in _BINARY:
            result = given[0]
            for other in given[1:]:
                result = self._binary(_BINARY[node.op], result, other)
            return [result]
        how = _OTHERS.get(node.op)
        if how is None:
            raise ModelError(f"the operation {node.op}, which is not known here")
        answer = how(self, node, given)
        return answer if isinstance(answer, list) else [answer]

    # -- layouts ------------------------------------------------------------------------------

    def tensor(self, value: Value) -> Tensor:
        if isinstance(value, Tensor):
            return value
        return Tensor(self._ops.constant(value).output(0), tuple(range(value.ndim)))

    def laid(self, value: Value, order: tuple[int, ...]) -> Any:
        """OpenVINO's output with the axes in that order."""
        tensor = self.tensor(value)
        if len(tensor.order) != len(order):
            raise ModelError(f"a tensor of {len(tensor.order)} axes, not {len(order)},")
        if tensor.order == order:
            return tensor.node
        axes = [tensor.order[order.index(n)] for n in range(len(order))]
        return self._ops.transpose(tensor.node, np.array(axes)).output(0)

    def plain(self, value: Value) -> Any:
        """OpenVINO's output with the axes as TensorFlow has them."""
        return self.laid(value, tuple(range(len(self.tensor(value).order))))

    # -- element by element -------------------------------------------------------------------

    def _unary(self, op: str, node: Node, value: Tensor) -> Tensor:
        return Tensor(_UNARY[op](self._ops, value.node, node).output(0), value.order)

    def _binary(self, name: str, one: Value, other: Value) -> Tensor:
        compute = getattr(self._ops, name)
        if isinstance(one, Tensor) and isinstance(other, np.ndarray):
            return Tensor(compute(one.node, _like(other, one)).output(0), one.order)
        if isinstance(one, np.ndarray) and isinstance(other, Tensor):
            return Tensor(compute(_like(one, other), other.node).output(0), other.order)
        one, other = self.tensor(one), self.tensor(other)
        if len(one.order) == len(other.order):
            return Tensor(compute(one.node, self.laid(other, one.order)).output(0), one.order)
        answer = compute(self.plain(one), self.plain(other)).output(0)
        return Tensor(answer, tuple(range(max(len(one.order), len(other.order)))))

    # -- pictures -----------------------------------------------------------------------------

    def convolution(self, node: Node, given: Sequence[Value]) -> Tensor:
        picture = self.laid(given[0], CHANNELS_FIRST)
        filters = _array(given[1])
        (down, across), step, pad = _sides(node, "dilations"), _sides(node, "strides"), _pad(node)
        if "Depthwise" in node.op:
            rows, columns, channels, times = filters.shape
            filters = filters.transpose(2, 3, 0, 1).reshape(channels, times, 1, rows, columns)
            compute = self._ops.group_convolution
        else:
            filters = filters.transpose(3, 2, 0, 1)
            compute = self._ops.convolution
        filters = np.ascontiguousarray(filters)
        answer = compute(picture, filters, step, [0, 0], [0, 0], [down, across], auto_pad=pad)
        return self._fused(node, Tensor(answer.output(0), CHANNELS_FIRST), given[2:])

    def _fused(self, node: Node, answer: Tensor, extra: Sequence[Value]) -> Tensor:
        """What a fused convolution does after it: a bias, an activation."""
        for op in node.texts("fused_ops"):
            if op == "BiasAdd":
                answer = self._binary("add", answer, extra[0])
            elif op in _UNARY:
                answer = self._unary(op, node, answer)
            else:
                raise ModelError(f"the operation {op} in {node.op}, which is not known here")
        return answer

    def transposed_convolution(self, node: Node, given: Sequence[Value]) -> Tensor:
        rows, columns = (int(n) for n in _array(given[0])[1:3])
        filters = np.ascontiguousarray(_array(given[1]).transpose(3, 2, 0, 1))
        answer = self._ops.convolution_backprop_data(
            self.laid(given[2], CHANNELS_FIRST),
            self._ops.constant(filters),
            _sides(node, "strides"),
            output_shape=self._ops.constant(np.array([rows, columns])),
            auto_pad=_pad(node),
        )
        return Tensor(answer.output(0), CHANNELS_FIRST)

    def pool(self, node: Node, given: Sequence[Value]) -> Tensor:
        picture = self.laid(given[0], CHANNELS_FIRST)
        step, side, pad = _sides(node, "strides"), _sides(node, "ksize"), _pad(node)
        if node.op == "MaxPool":
            answer = self._ops.max_pool(picture, step, [1, 1], [0, 0], [0, 0], side, auto_pad=pad)
        else:
            answer = self._ops.avg_pool(picture, step, [0, 0], [0, 0], side, True, auto_pad=pad)
        return Tensor(answer.output(0), CHANNELS_FIRST)

    def resize(self, node: Node, given: Sequence[Value]) -> Tensor:
        """By a factor, so that pictures of other sizes can be put in as well."""
        picture = self.laid(given[0], CHANNELS_FIRST)
        before = [int(n) for n in list(picture.get_shape())[2:]]
        factors = np.array(_array(given[1]), np.float32) / np.array(before, np.float32)
        bilinear = node.op == "ResizeBilinear"
        answer = self._ops.interpolate(
            picture,
            factors,
            "linear_onnx" if bilinear else "nearest",
            "scales",
            coordinate_transformation_mode=_coordinates(node),
            nearest_mode="round_prefer_floor" if node.flag("align_corners") else "floor",
            axes=np.array([2, 3]),
        )
        return Tensor(answer.output(0), CHANNELS_FIRST)

    # -- axes ---------------------------------------------------------------------------------

    def transpose(self, node: Node, given: Sequence[Value]) -> Tensor:  # noqa: ARG002
        tensor = self.tensor(given[0])
        return Tensor(tensor.node, tuple(tensor.order[int(n)] for n in _array(given[1])))

    def pad(self, node: Node, given: Sequence[Value]) -> Tensor:  # noqa: ARG002
        tensor, pads = self.tensor(given[0]), _array(given[1])
        laid = np.zeros_like(pads)
        laid[list(tensor.order)] = pads
        value = _array(given[2]) if len(given) > 2 else np.zeros((), np.float32)
        answer = self._ops.pad(tensor.node, laid[:, 0], laid[:, 1], "constant", value)
        return Tensor(answer.output(0), tensor.order)

    def concatenate(self, node: Node, given: Sequence[Value]) -> Tensor:  # noqa: ARG002
        first = next((v for v in given if isinstance(v, Tensor)), None) or self.tensor(given[0])
        axis = first.order[int(_array(given[-1]))]
        parts = [self.laid(each, first.order) for each in given[:-1]]
        return Tensor(self._ops.concat(parts, axis).output(0), first.order)

    def split(self, node: Node, given: Sequence[Value]) -> list[Value]:
        if node.op == "SplitV":
            tensor, lengths, axis = self.tensor(given[0]), _array(given[1]), given[2]
            where = tensor.order[int(_array(axis))]
            answer = self._ops.variadic_split(tensor.node, np.array(where), lengths)
        else:
            tensor, count = self.tensor(given[1]), int(node.number("num_split", 1))
            where = tensor.order[int(_array(given[0]))]
            answer = self._ops.split(tensor.node, np.array(where), count)
        return [Tensor(port, tensor.order) for port in answer.outputs()]

    def reshape(self, node: Node, given: Sequence[Value]) -> Tensor:  # noqa: ARG002
        """A side that was not there before is left open: it changes with the picture's size."""
        before, shape = self.plain(given[0]), np.array(_array(given[1]), np.int64)
        new = [n for n, side in enumerate(shape) if side not in list(before.get_shape())]
        if len(new) == 1 and (shape > 0).all():
            shape[new] = -1
        answer = self._ops.reshape(before, shape, False)
        return Tensor(answer.output(0), tuple(range(len(shape))))

    def softmax(self, node: Node, given: Sequence[Value]) -> Tensor:  # noqa: ARG002
        tensor = self.tensor(given[0])
        return Tensor(self._ops.softmax(tensor.node, tensor.order[-1]).output(0), tensor.order)


def _array(value: Value) -> NDArray[Any]:
    if isinstance(value, Tensor):
        raise ModelError("an operation whose sizes are computed, which is not known here")
    return value


def _like(array: NDArray[Any], tensor: Tensor) -> NDArray[Any]:
    """A constant with its axes in the order of a tensor's."""
    missing = len(tensor.order) - array.ndim
    if missing < 0:
        raise ModelError("a constant with more axes than what it is added to")
    full = array.reshape((1,) * missing + array.shape)
    return np.ascontiguousarray(full.transpose(np.argsort(tensor.order)))


def _sides(node: Node, name: str) -> list[int]:
    """Rows and columns of an attribute that has one number for each axis."""
    if node.text("data_format", "NHWC") != "NHWC":
        raise ModelError(f"{node.op} with channels first, which is not known here")
    return (node.ints(name) or [1, 1, 1, 1])[1:3]


def _pad(node: Node) -> str:
    kinds = {"SAME": "same_upper", "VALID": "valid"}
    kind = node.text("padding")
    if kind not in kinds:
        raise ModelError(f"{node.op} with the padding {kind!r}, which is not known here")
    return kinds[kind]


def _coordinates(node: Node) -> str:
    if node.flag("align_corners"):
        return "align_corners"
    return "half_pixel" if node.flag("half_pixel_centers") else "asymmetric"


def _dense(
    places: NDArray[Any], shape: NDArray[Any], values: NDArray[Any], default: NDArray[Any]
) -> NDArray[Any]:
    """`SparseToDense`: an array of `default` with `values` at these places."""
    dense = np.full(tuple(int(n) for n in shape), default)
    dense[tuple(places.reshape(-1, dense.ndim).T)] = values
    return dense


_FOLDED: dict[str, Callable[..., NDArray[Any]]] = {
    "SparseToDense": _dense,
    "Add": np.add,
    "AddV2": np.add,
    "Identity": lambda value: value,
}
"""Operations on constants, which are computed at once."""

_UNARY: dict[str, Callable[[Any, Any, Node], Any]] = {
    "Identity": lambda ops, x, _: ops.convert(x, "f32"),
    "Relu": lambda ops, x, _: ops.relu(x),
    "Relu6": lambda ops, x, _: ops.clamp(x, 0.0, 6.0),
    "LeakyRelu": lambda ops, x, node: ops.prelu(x, np.float32(node.number("alpha", 0.2))),
    "Elu": lambda ops, x, _: ops.elu(x, 1.0),
    "Sigmoid": lambda ops, x, _: ops.sigmoid(x),
    "Tanh": lambda ops, x, _: ops.tanh(x),
}

_BINARY = {
    "Add": "add",
    "AddV2": "add",
    "AddN": "add",
    "BiasAdd": "add",
    "Sub": "subtract",
    "Mul": "multiply",
    "RealDiv": "divide",
    "Maximum": "maximum",
    "Minimum": "minimum",
}

_OTHERS: dict[str, Callable[[Operations, Node, Sequence[Value]], Value | list[Value]]] = {
    "Conv2D": Operations.convolution,
    "_FusedConv2D": Operations.convolution,
    "DepthwiseConv2dNative": Operations.convolution,
    "FusedDepthwiseConv2dNative": Operations.convolution,
    "Conv2DBackpropInput": Operations.transposed_convolution,
    "MaxPool": Operations.pool,
    "AvgPool": Operations.pool,
    "ResizeBilinear": Operations.resize,
    "ResizeNearestNeighbor": Operations.resize,
    "Transpose": Operations.transpose,
    "Pad": Operations.pad,
    "PadV2": Operations.pad,
    "ConcatV2": Operations.concatenate,
    "Split": Operations.split,
    "SplitV": Operations.split,
    "Reshape": Operations.reshape,
    "Softmax": Operations.softmax,
}
