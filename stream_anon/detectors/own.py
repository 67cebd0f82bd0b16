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
from stream_anon.detectors.registry import Row, rows
from stream_anon.errors import ConfigError, ModelError, ParserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stream_anon.config import OwnDetector
    from stream_anon.detectors.base import Loading

TRIED = 640
"""Pixels of the sides of the input that a network is tried with that takes any."""


def own_rows(own: Mapping[str, OwnDetector]) -> dict[str, Row]:
    """The rows of the user's own detectors.

    Raises:
        ConfigError: one has the name of another detector.
    """
    for name in own:
        if name in rows():
            raise ConfigError(f"detectors.{name} has the name of a known detector: choose another")
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
    canvas = _canvas(name, given, weights, loading)
    _check(name, given, weights, canvas or (TRIED, TRIED), loading)
    known = FAMILIES[given.format]
    usual = known.preparation
    made = Made(
        name=name,
        labels=given.labels,
        model_hash=hashlib.sha256(weights).hexdigest(),
        decode=known.family.decode,
        preparation=Preparation(
            usual.bgr if given.bgr is None else given.bgr,
            given.mean or usual.mean,
            given.scale or usual.scale,
        ),
        min_score=given.threshold,
        canvas=canvas,
    )
    return BoxDetector(made, weights, loading)


def _canvas(
    name: str, given: OwnDetector, weights: bytes, loading: Loading
) -> tuple[int, int] | None:
    """Rows and columns of the input; None where the network takes any."""
    try:
        with closing(loading.networks(weights)) as network:
            shapes = network.inputs()
    except ModelError as error:
        raise ModelError(
            f"OpenVINO cannot read {given.model} of detectors.{name}: it must be an ONNX file"
        ) from error
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
        raise ModelError(
            f"{given.model} answers {answers} to a picture of {shape[1]}x{shape[0]}, but "
            f"detectors.{name}.format is {given.format}, which has {family.expects}: {hint}"
        )
    if (most := max(given.labels)) >= classes:
        raise ConfigError(
            f"setting detectors.{name}.labels names class {most}, but {given.model} has the "
            f"classes 0 to {classes - 1}"
        )
