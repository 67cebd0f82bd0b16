"""From a graph of TensorFlow.js to a network of OpenVINO."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stream_anon.detectors.openvino_start import import_openvino
from stream_anon.detectors.tfjs.operations import Operations, Tensor
from stream_anon.errors import ModelError

if TYPE_CHECKING:
    from stream_anon.detectors.tfjs.graph import Graph, Node
    from stream_anon.detectors.tfjs.operations import Value


def convert(graph: Graph) -> Any:
    """The same network as an `openvino.Model`.

    Inputs keep their order and layout; outputs are those of the graph, in its order. Where the
    graph resizes and reshapes by what follows from the size of its input, that size can be changed
    afterwards (`Model.reshape`).

    Raises:
        DependencyError: OpenVINO is missing, or does not start.
        ModelError: the graph has an operation that is not known here, or is damaged.
    """
    openvino = import_openvino()
    operations = Operations(openvino)
    values: dict[str, list[Value]] = {}
    parameters: list[Any] = []
    for node in _in_order(graph):
        if node.op == "Placeholder":
            parameter = operations.placeholder(node.shape(), openvino)
            parameters.append(parameter)
            values[node.name] = [Tensor(parameter.output(0), tuple(range(len(node.shape()))))]
        elif node.op == "Const":
            values[node.name] = [graph.weights[node.name]]
        else:
            given = [_output(values, name) for name in node.inputs]
            values[node.name] = _built(graph, operations, node, given)
    results = [operations.plain(_output(values, name)) for name in graph.outputs]
    return openvino.Model(results, parameters, graph.name)


def _built(graph: Graph, operations: Operations, node: Node, given: list[Value]) -> list[Value]:
    try:
        return operations.build(node, given)
    except ModelError as error:
        raise ModelError(f"{graph.name} has {error} (node {node.name})") from error
    except Exception as error:  # OpenVINO's own checks of shapes, and arrays of odd ones
        raise ModelError(
            f"{graph.name} has a {node.op} that cannot be built (node {node.name}, "
            f"{type(error).__name__}): is the file damaged?"
        ) from error


def _output(values: dict[str, list[Value]], name: str) -> Value:
    node, _, number = name.partition(":")
    return values[node][int(number or 0)]


def _in_order(graph: Graph) -> list[Node]:
    """The nodes that the outputs need, each after what it needs itself.

    Without recursion: graphs are deep.

    Raises:
        ModelError: one is missing, or they go in a circle.
    """
    ordered: dict[str, Node] = {}
    waiting = [(name, False) for name in reversed(graph.outputs)]
    begun: set[str] = set()
    while waiting:
        name, ready = waiting.pop()
        name = name.partition(":")[0]
        if name in ordered:
            continue
        node = graph.nodes.get(name)
        if node is None or (node.op == "Const" and name not in graph.weights):
            raise ModelError(f"{graph.name} is damaged: it has no {name}")
        if ready:
            ordered[name] = node
        elif name in begun:
            raise ModelError(f"{graph.name} is damaged: {name} needs itself")
        else:
            begun.add(name)
            waiting.append((name, True))
            waiting += [(needed, False) for needed in node.inputs]
    return list(ordered.values())
