"""Networks of the user's own, from the section `[detectors.NAME]` of the settings."""

from __future__ import annotations

import hashlib
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stream_anon.detectors.boxes import BoxDetector, Made, Preparation
from stream_anon.detectors.families.registry import FAMILIES
from stream_anon.detectors.labels import AUTO, RESERVED
from stream_anon.detectors.registry import Row, rows
from stream_anon.errors import ConfigError, ModelError, ParserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stream_anon.config import OwnDetector
    from stream_anon.detectors.base import Loading
    from stream_anon.detectors.boxes import Decode
    from stream_anon.detectors.families.found import Floats, Found
    from stream_anon.detectors.families.registry import Family

ROUNDING = 1e-3
"""Of scores, which are shares."""
TASK = "detect"
"""What an exporter calls detection, where it says it."""
TRIED = 640
"""Pixels of the sides of the input that a network is tried with that takes any."""


def own_rows(own: Mapping[str, OwnDetector]) -> dict[str, Row]:
    """The rows of the user's own detectors.

    Raises:
        ConfigError: one has the name of another detector, or a label that is a scope with a
            meaning of its own.
    """
    for name, given in own.items():
        if name == AUTO or name in rows():
            raise ConfigError(f"detectors.{name} has the name of a known detector: choose another")
        if taken := sorted(RESERVED & set(given.labels.values())):
            raise ConfigError(
                f"setting detectors.{name}.labels has the label {taken[0]}, which is a scope with "
                "a meaning of its own: choose another"
            )
    return {
        name: Row(name, frozenset(given.labels.values()), partial(_load, name, given))
        for name, given in own.items()
    }


def _load(name: str, given: OwnDetector, loading: Loading) -> BoxDetector:
    """The detector of one run.

    Raises:
        ModelError: its file cannot be read, is no network with one picture as its input, or its
            outputs are not of the format.
        ConfigError: a label is of a class that it does not have.
    """
    try:
        weights = Path(given.model).expanduser().read_bytes()
    except OSError as error:
        reason = (error.strerror or "failed").lower()
        raise ModelError(f"cannot read {given.model} of detectors.{name}: {reason}") from error
    canvas = _canvas(name, given, weights, loading)  # which also finds out what it was trained for
    _check(name, given, weights, canvas or (TRIED, TRIED), loading)
    known = FAMILIES[given.format]
    usual = known.preparation
    made = Made(
        name=name,
        labels=given.labels,
        model_hash=hashlib.sha256(weights).hexdigest(),
        decode=_decoder(known.family, tuple(sorted(given.labels))),
        preparation=Preparation(
            usual.bgr if given.bgr is None else given.bgr,
            given.mean or usual.mean,
            given.scale or usual.scale,
        ),
        min_score=given.threshold,
        canvas=canvas,
    )
    return BoxDetector(made, weights, loading)


def _decoder(family: Family, named: tuple[int, ...]) -> Decode:
    """Of the classes that have a label: no other one may stand in front of them."""

    def decode(outputs: Sequence[Floats], shape: tuple[int, int], min_score: float) -> Found:
        return family.decode(outputs, shape, min_score, named)

    return decode


def _canvas(
    name: str, given: OwnDetector, weights: bytes, loading: Loading
) -> tuple[int, int] | None:
    """Rows and columns of the input; None where the network takes any."""
    try:
        with closing(loading.networks(weights)) as network:
            shapes, task = network.inputs(), network.task()
    except ModelError as error:
        raise ModelError(
            f"OpenVINO cannot read {given.model} of detectors.{name}: it must be an ONNX file"
        ) from error
    if task not in ("", TASK):
        raise ModelError(
            f"{given.model} of detectors.{name} was exported for the task {task}, whose outputs "
            "mean something else: export a network for detection"
        )
    shape = shapes[0] if len(shapes) == 1 else None
    if shape is None or len(shape) != 4 or shape[1] not in (None, 3):
        told = ", ".join(map(_shown, shapes))
        raise ModelError(
            f"{given.model} of detectors.{name} takes {told}: it must take one picture, "
            "(1, 3, rows, columns)"
        )
    rows, columns = shape[2], shape[3]
    if rows is not None and columns is not None:
        if given.size and (rows, columns) != (given.size, given.size):
            raise ConfigError(
                f"setting detectors.{name}.size is {given.size}, but {given.model} takes pictures "
                f"of {columns}x{rows}: leave size out"
            )
        return rows, columns
    return (given.size, given.size) if given.size else None


def _shown(shape: list[int | None] | None) -> str:
    return "[...]" if shape is None else f"[{','.join(str(side or '?') for side in shape)}]"


def _check(
    name: str, given: OwnDetector, weights: bytes, shape: tuple[int, int], loading: Loading
) -> None:
    """Run the network once, and compare its outputs with what the format says."""
    parsing, family = loading.settings.parsing, FAMILIES[given.format].family
    network = loading.networks(weights, threads=parsing.threads, precision=parsing.precision)
    try:
        outputs = network.run(np.zeros((1, 3, *shape), np.float32))
    except ParserError as error:
        raise ModelError(
            f"{given.model} of detectors.{name} cannot run on pictures of {shape[1]}x{shape[0]}: "
            f"set detectors.{name}.size to what it was exported for ({error})"
        ) from error
    finally:
        network.close()
    shapes = [output.shape for output in outputs]
    classes = family.classes(shapes, shape)
    if classes is None:
        answers = ", ".join(map(str, shapes))
        others = [n for n, k in FAMILIES.items() if k.family.classes(shapes, shape) is not None]
        hint = f"did you mean {' or '.join(others)}?" if others else "export it without its NMS"
        if len(shapes) > 1 and family.classes(shapes[:1], shape) is not None:
            hint = "export a network for detection, which has no other outputs"
        raise ModelError(
            f"{given.model} answers {answers} to a picture of {shape[1]}x{shape[0]}, but "
            f"detectors.{name}.format is {given.format}, which has {family.expects}: {hint}"
        )
    if (most := max(given.labels)) >= classes:
        raise ConfigError(
            f"setting detectors.{name}.labels names class {most}, but {given.model} has the "
            f"classes 0 to {classes - 1}"
        )
    scores = family.scores(outputs)
    if not np.isfinite(scores).all() or (
        scores.size and not (scores.min() >= -ROUNDING and scores.max() <= 1 + ROUNDING)
    ):
        raise ModelError(
            f"{given.model} of detectors.{name} answers {scores.min():g} to {scores.max():g} where "
            f"{given.format} has scores of 0 to 1: export a network for detection (not for poses "
            "or leaning boxes), with its last activation"
        )
