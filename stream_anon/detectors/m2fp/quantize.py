"""Eight-bit arithmetic for a converted network, calibrated on pictures.

Linear quantisation as in Jacob et al., "Quantization and training of neural networks for efficient
integer-arithmetic-only inference", CVPR 2018 (arXiv:1712.05877): each convolution and each matrix
multiplication with weights takes 8-bit activations (one scale and zero point for all) and 8-bit
weights (one scale for each output channel). OpenVINO runs what is marked so in integers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stream_anon.detectors.openvino_start import import_openvino, new_core

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

WITH_WEIGHTS = {"Convolution": 0, "GroupConvolution": 0, "MatMul": None}
"""Operations that are quantised, and the axis of their weights' output channels."""
ACTIVATION_LEVELS = 256
WEIGHT_LEVELS = 255
"""Symmetric: -127 to 127."""

Range = tuple[float, float]


def activation_ranges(
    model: Any, pictures: Sequence[NDArray[np.float32]], threads: int
) -> list[Range]:
    """The least and the greatest value that each quantised operation's input takes.

    Args:
        model: an OpenVINO model; outputs are added to it, so give a copy.
        pictures: (1, 3, H, W) each, what it will see.
        threads: processor threads.
    """
    openvino = import_openvino()
    from openvino import opset13 as ops  # noqa: PLC0415 - only after the import above

    known = len(model.outputs)
    extremes = []
    for activation in _activations(model):
        axes = np.arange(activation.get_partial_shape().rank.get_length())
        extremes += [ops.reduce_min(activation, axes), ops.reduce_max(activation, axes)]
    model.add_results([ops.result(extreme) for extreme in extremes])
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads}
    found: list[NDArray[np.float64]] = []
    for picture in pictures:
        model.reshape(list(picture.shape))
        request = new_core(openvino).compile_model(model, "CPU", settings).create_infer_request()
        answer = request.infer([picture])
        values = [float(answer[port]) for port in request.model_outputs[known:]]
        found.append(np.array(values, np.float64).reshape(-1, 2))
    lowest, highest = np.min(found, 0)[:, 0], np.max(found, 0)[:, 1]
    return list(zip(lowest.tolist(), highest.tolist(), strict=True))


def quantize(model: Any, ranges: Sequence[Range]) -> None:
    """Make `model` compute in eight bits.

    Args:
        model: as given to `activation_ranges`, changed in place.
        ranges: from there.
    """
    from openvino import opset13 as ops  # noqa: PLC0415 - imported by whoever made the model

    operations = _operations(model)
    activations = _activations(model)
    for activation, (low, high) in zip(activations, map(_with_zero, ranges), strict=True):
        readers = list(activation.get_target_inputs())
        ends = [np.float32(low), np.float32(high)]
        rounded = ops.fake_quantize(activation, *ends, *ends, ACTIVATION_LEVELS)
        for reader in readers:
            if reader.get_index() == 0 and _name(reader.get_node()) in operations:
                reader.replace_source_output(rounded.output(0))
    for operation in operations.values():
        _quantize_weights(operation, ops)
    model.validate_nodes_and_infer_types()


def _operations(model: Any) -> dict[str, Any]:
    """The operations to quantise, by their unique names."""
    return {
        _name(node): node
        for node in model.get_ordered_ops()
        if node.get_type_name() in WITH_WEIGHTS
        and _is_constant(node.input_value(1))
        and not _is_constant(node.input_value(0))
    }


def _activations(model: Any) -> list[Any]:
    """Inputs of the operations, each once, in order."""
    found: dict[tuple[str, int], Any] = {}
    for node in _operations(model).values():
        value = node.input_value(0)
        found.setdefault((_name(value.get_node()), value.get_index()), value)
    return list(found.values())


def _name(node: Any) -> str:
    return str(node.get_friendly_name())


def _is_constant(value: Any) -> bool:
    return bool(value.get_node().get_type_name() == "Constant")


def _quantize_weights(operation: Any, ops: Any) -> None:
    weights = np.array(operation.input_value(1).get_node().data, np.float32)
    axis = WITH_WEIGHTS[operation.get_type_name()]
    if axis is None:
        axis = -2 if operation.get_attributes().get("transpose_b") else -1
    others = tuple(i for i in range(weights.ndim) if i != axis % weights.ndim)
    if operation.get_type_name() == "GroupConvolution":
        others = tuple(range(2, weights.ndim))  # groups, then channels of the group
    peak = np.maximum(np.abs(weights).max(axis=others, keepdims=True), 1e-8)
    scale = (peak / (WEIGHT_LEVELS // 2)).astype(np.float32)
    integers = ops.constant(np.rint(weights / scale).astype(np.int8))
    restored = ops.multiply(ops.convert(integers, np.float32), ops.constant(scale))
    operation.input(1).replace_source_output(restored.output(0))


def _with_zero(ends: Range) -> Range:
    """The range widened until zero is in it and is one of the levels: padding stays exact."""
    low, high = min(ends[0], 0.0), max(ends[1], 1e-6)
    if low == 0.0:
        return low, high
    step = (high - low) / (ACTIVATION_LEVELS - 1)
    below = float(np.ceil(-low / step))
    return -below * step, (ACTIVATION_LEVELS - 1 - below) * step
