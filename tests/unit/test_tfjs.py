"""Graphs of TensorFlow.js on OpenVINO answer what NumPy and OpenCV say they should."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from stream_anon.detectors.openvino_start import import_openvino, new_core
from stream_anon.detectors.runtime import Built, Network
from stream_anon.detectors.tfjs.convert import convert
from stream_anon.detectors.tfjs.graph import read_graph
from stream_anon.errors import ModelError
from tests.tfjs_graphs import Drawing, ints, text, texts, window

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

RNG = np.random.default_rng(3)
SHAPE = 1, 8, 6, 3
EXACT = {"INFERENCE_PRECISION_HINT": "f32"}


def some(*shape: int) -> Array:
    return RNG.normal(size=shape).astype(np.float32)


X = some(*SHAPE)


def answers(drawing: Drawing, x: Array = X) -> list[Array]:
    model = convert(read_graph("toy.json", *drawing.files()))
    compiled = new_core(import_openvino()).compile_model(model, "CPU", EXACT)
    return [np.asarray(each) for each in compiled([x]).values()]


def answer(drawing: Drawing, x: Array = X) -> Array:
    (only,) = answers(drawing, x)
    return only


def same(found: Array, expected: Array) -> None:
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def padded(x: Array, side: int, stride: int, value: float = 0.0) -> Array:
    """As SAME pads: more at the end."""
    pads = [(0, 0)]
    for length in x.shape[1:3]:
        total = max(0, (-(-length // stride) - 1) * stride + side - length)
        pads.append((total // 2, total - total // 2))
    return np.pad(x, [*pads, (0, 0)], constant_values=value)


def windows(x: Array, side: int, stride: int) -> NDArray[Any]:
    """(1, rows, columns, channels, side, side)."""
    found = np.lib.stride_tricks.sliding_window_view(x, (side, side), (1, 2))
    return found[:, ::stride, ::stride]


def convolved(x: Array, filters: Array, stride: int = 1) -> Array:
    seen = windows(padded(x, len(filters), stride), len(filters), stride)
    return np.asarray(np.einsum("nyxchw,hwco->nyxo", seen, filters))


@pytest.mark.parametrize("stride", [1, 2])
def test_a_convolution(stride: int) -> None:
    drawing, filters = Drawing(*SHAPE), some(3, 3, 3, 5)
    drawing.node("Conv2D", "x", drawing.const("w", filters), **window(stride=stride))
    same(answer(drawing), convolved(X, filters, stride))


def test_a_convolution_without_padding() -> None:
    drawing, filters = Drawing(*SHAPE), some(3, 3, 3, 5)
    drawing.node("Conv2D", "x", drawing.const("w", filters), **window(padding="VALID"))
    same(answer(drawing), np.einsum("nyxchw,hwco->nyxo", windows(X, 3, 1), filters))


@pytest.mark.parametrize("stride", [1, 2])
def test_a_depthwise_convolution(stride: int) -> None:
    drawing, filters = Drawing(*SHAPE), some(3, 3, 3, 2)
    drawing.node("DepthwiseConv2dNative", "x", drawing.const("w", filters), **window(stride=stride))
    seen = windows(padded(X, 3, stride), 3, stride)
    expected = np.einsum("nyxchw,hwcm->nyxcm", seen, filters)
    same(answer(drawing), expected.reshape(*expected.shape[:3], 6))


def test_a_fused_convolution() -> None:
    drawing, filters, bias = Drawing(*SHAPE), 3 * some(3, 3, 3, 5), some(5)
    drawing.const("w", filters)
    drawing.const("b", bias)
    fused = texts("BiasAdd", "Relu6")
    drawing.node("_FusedConv2D", "x", "w", "b", fused_ops=fused, **window())
    same(answer(drawing), np.clip(convolved(X, filters) + bias, 0, 6))


def test_a_transposed_convolution_undoes_a_stride() -> None:
    drawing, filters = Drawing(*SHAPE), some(2, 2, 4, 3)
    drawing.const("w", filters)
    drawing.const("size", [1, 16, 12, 4])
    drawing.node("Conv2DBackpropInput", "size", "w", "x", **window(stride=2))
    expected = np.einsum("nyxc,hwoc->nyhxwo", X, filters).reshape(1, 16, 12, 4)
    same(answer(drawing), expected)


@pytest.mark.parametrize("op", ["MaxPool", "AvgPool"])
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_pooling(op: str, padding: str) -> None:
    drawing = Drawing(*SHAPE)
    drawing.node(op, "x", **window(stride=2, padding=padding, side=3))
    x = padded(X, 3, 2, np.nan) if padding == "SAME" else X
    pool = np.nanmax if op == "MaxPool" else np.nanmean
    same(answer(drawing), pool(windows(x, 3, 2), axis=(4, 5)))


@pytest.mark.parametrize("factor", [2, 0.5])
def test_resizing(factor: float) -> None:
    drawing, size = Drawing(*SHAPE), [int(8 * factor), int(6 * factor)]
    drawing.const("size", size)
    drawing.node("ResizeBilinear", "x", "size", half_pixel_centers={"b": True})
    expected = cv2.resize(X[0], size[::-1], interpolation=cv2.INTER_LINEAR)
    same(answer(drawing), np.asarray(expected)[None])


def test_resizing_to_the_nearest() -> None:
    drawing = Drawing(*SHAPE)
    drawing.const("size", [16, 12])
    drawing.node("ResizeNearestNeighbor", "x", "size")
    same(answer(drawing), X.repeat(2, 1).repeat(2, 2))


def test_element_by_element() -> None:
    drawing, scale = Drawing(*SHAPE), some(3)
    drawing.const("s", scale)
    drawing.node("Mul", "x", "s", name="a")
    drawing.node("Sub", "s", "a", name="b")
    drawing.node("AddN", "a", "b", "x", name="c")
    drawing.node("LeakyRelu", "c", name="d", alpha={"f": 0.1})
    drawing.node("Sigmoid", "d")
    total = scale + X
    same(answer(drawing), 1 / (1 + np.exp(-np.where(total > 0, total, 0.1 * total))))


def test_axes_are_turned_without_computing_anything() -> None:
    """As in networks that come from frameworks with channels first."""
    drawing = Drawing(1, 3, 8, 6)
    filters, bias = some(3, 3, 3, 4), some(1, 4, 1, 1)
    drawing.node("Transpose", "x", drawing.const("last", [0, 2, 3, 1]), name="a")
    drawing.node("Conv2D", "a", drawing.const("w", filters), name="b", **window())
    drawing.node("Transpose", "b", drawing.const("first", [0, 3, 1, 2]), name="c")
    drawing.node("Add", "c", drawing.const("bias", bias), name="d")
    drawing.node("Pad", "d", drawing.const("pads", np.array([[0, 0], [1, 0], [0, 2], [0, 0]])))
    graph = read_graph("toy.json", *drawing.files())
    kinds = [op.get_type_name() for op in convert(graph).get_ops()]
    assert "Transpose" not in kinds
    x = X.transpose(0, 3, 1, 2).copy()
    expected = convolved(X, filters).transpose(0, 3, 1, 2) + bias
    same(answer(drawing, x), np.pad(expected, [(0, 0), (1, 0), (0, 2), (0, 0)]))


def test_parts_are_split_turned_and_joined() -> None:
    drawing = Drawing(*SHAPE)
    drawing.const("lengths", [1, 2])
    drawing.const("axis", 3)
    drawing.node("SplitV", "x", "lengths", "axis", name="a", num_split={"i": "2"})
    drawing.node("ConcatV2", "a:1", "a", "axis")
    same(answer(drawing), X[..., [1, 2, 0]])
    drawing = Drawing(*SHAPE)
    drawing.const("axis", 1)
    drawing.node("Split", "axis", "x", name="a", num_split={"i": "2"})
    drawing.node("ConcatV2", "a:1", "a", "axis")
    same(answer(drawing), np.concatenate([X[:, 4:], X[:, :4]], 1))


def test_softmax_and_values_padded_with() -> None:
    drawing = Drawing(*SHAPE)
    drawing.const("pads", np.array([[0, 0], [0, 0], [0, 0], [0, 1]]))
    drawing.const("value", 0.5)
    drawing.node("PadV2", "x", "pads", "value", name="a")
    drawing.node("Softmax", "a")
    full = np.exp(np.pad(X, [(0, 0)] * 3 + [(0, 1)], constant_values=0.5))
    same(answer(drawing), full / full.sum(-1, keepdims=True))


def test_a_shape_that_is_computed_from_constants() -> None:
    """As converters write it: (1, 48, 3) as zeros plus a sparse array."""
    drawing = Drawing(*SHAPE)
    drawing.const("places", np.zeros((1, 1), int))
    drawing.const("length", [3])
    drawing.const("values", [1])
    drawing.const("none", 0)
    drawing.node("SparseToDense", "places", "length", "values", "none", name="a")
    drawing.const("rest", [0, 48, 3])
    drawing.node("AddV2", "a", "rest", name="shape")
    drawing.node("Reshape", "x", "shape")
    same(answer(drawing), X.reshape(1, 48, 3))


def test_the_size_of_the_input_can_be_changed() -> None:
    drawing = Drawing(1, 8, 8, 2)
    drawing.const("half", [4, 4])
    drawing.const("flat", [1, 16, 2])
    drawing.node("ResizeBilinear", "x", "half", name="a", half_pixel_centers={"b": True})
    drawing.node("Reshape", "a", "flat")
    built = Built("toy", lambda: convert(read_graph("toy.json", *drawing.files())))
    network = Network(built, threads=1, precision="f32")
    for rows, columns in ((8, 8), (16, 4)):
        x = some(1, rows, columns, 2)
        (found,) = network.run(x)
        expected = x.reshape(1, rows // 2, 2, columns // 2, 2, 2).mean((2, 4))
        same(found, expected.reshape(1, -1, 2))
    network.close()


def test_outputs_come_in_the_order_of_their_names() -> None:
    drawing = Drawing(*SHAPE)
    drawing.node("Relu", "x", name="out_2")
    drawing.node("Relu6", "x", name="out_1")
    drawing.outputs = ["out_2", "out_1"]
    first, second = answers(drawing, 10 * X)
    same(first, np.clip(10 * X, 0, 6))
    same(second, np.maximum(10 * X, 0))


def test_quantized_weights() -> None:
    drawing = Drawing(1, 4)
    half, eighth = np.array([1.5, -2, 0, 4], np.float16), np.array([0, 1, 2, 255], np.uint8)
    drawing.packed("a", (4,), "float32", half.tobytes(), {"dtype": "float16"})
    packed = {"dtype": "uint8", "scale": 0.5, "min": -1.0}
    drawing.packed("b", (4,), "float32", eighth.tobytes(), packed)
    drawing.node("Add", "x", "a", name="c")
    drawing.node("Add", "c", "b")
    expected = np.array([[0.5, -2.5, 0, 130.5]], np.float32)
    same(answer(drawing, np.zeros((1, 4), np.float32)), expected)


class TestErrors:
    def test_an_operation_that_is_not_known(self) -> None:
        drawing = Drawing(*SHAPE)
        drawing.node("Einsum", "x", name="odd")
        with pytest.raises(ModelError, match=r"toy\.json has the operation Einsum.*node odd"):
            answer(drawing)

    @pytest.mark.parametrize(
        ("attributes", "why"),
        [
            (window(padding="EXPLICIT"), "padding 'EXPLICIT'"),
            (window() | {"data_format": text("NCHW")}, "channels first"),
            (window() | {"fused_ops": texts("Prelu")}, "operation Prelu in Conv2D"),
        ],
    )
    def test_a_convolution_that_is_not_known(self, attributes: Any, why: str) -> None:
        drawing = Drawing(*SHAPE)
        drawing.node("Conv2D", "x", drawing.const("w", some(3, 3, 3, 5)), **attributes)
        with pytest.raises(ModelError, match=why):
            answer(drawing)

    def test_sizes_that_are_computed(self) -> None:
        drawing = Drawing(*SHAPE)
        drawing.node("Reshape", "x", "x")
        with pytest.raises(ModelError, match="sizes are computed"):
            answer(drawing)

    def test_shapes_that_do_not_fit(self) -> None:
        drawing = Drawing(*SHAPE)
        drawing.node("Conv2D", "x", drawing.const("w", some(3, 3, 7, 5)), **window())
        with pytest.raises(ModelError, match=r"a Conv2D that cannot be built \(node y"):
            answer(drawing)

    @pytest.mark.parametrize("damage", [b"", b"{}", b"[1]", b"{no", b'{"modelTopology": 3}'])
    def test_a_file_that_is_no_graph(self, damage: bytes) -> None:
        with pytest.raises(ModelError, match=r"toy\.json is no graph model.*fetch it again"):
            read_graph("toy.json", damage, b"")

    def test_weights_that_are_cut_off_or_too_long(self) -> None:
        drawing = Drawing(*SHAPE)
        drawing.node("Add", "x", drawing.const("b", some(3)))
        topology, weights = drawing.files()
        with pytest.raises(ModelError, match="cut off"):
            read_graph("toy.json", topology, weights[:-1])
        with pytest.raises(ModelError, match="do not match"):
            read_graph("toy.json", topology, weights + b"\0")

    def test_a_node_that_is_missing_or_needs_itself(self) -> None:
        drawing = Drawing(*SHAPE)
        drawing.node("Relu", "nobody")
        with pytest.raises(ModelError, match="it has no nobody"):
            answer(drawing)
        drawing = Drawing(*SHAPE)
        drawing.node("Relu", "y", name="z")
        drawing.node("Relu", "z")
        drawing.outputs = ["y"]
        with pytest.raises(ModelError, match="needs itself"):
            answer(drawing)


def test_the_kinds_of_lists_are_read() -> None:
    drawing = Drawing(*SHAPE)
    drawing.node("Conv2D", "x", "x", strides=ints(1, 2, 3, 1), fused_ops=texts("a", "b"))
    node = read_graph("toy.json", *drawing.files()).nodes["y"]
    assert (node.ints("strides"), node.texts("fused_ops")) == ([1, 2, 3, 1], ["a", "b"])
    assert (node.ints("none"), node.text("none", "z"), node.number("none", 2)) == ([], "z", 2.0)
