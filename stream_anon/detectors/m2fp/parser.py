"""The parser: pixel-accurate body parts of every person."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

from stream_anon.core.parts import Box, Part
from stream_anon.core.processors import usable_processors
from stream_anon.detectors.base import DetectionPass
from stream_anon.detectors.labels import CIHP_LABELS
from stream_anon.detectors.m2fp.answers import Instance, instances
from stream_anon.detectors.m2fp.configuration import MEAN
from stream_anon.detectors.picture import WorkingPicture, working_picture
from stream_anon.detectors.runtime import Network, Networks
from stream_anon.errors import ModelError, ParserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stream_anon.core.frame import ColorTags, Frame
    from stream_anon.detectors.m2fp.configuration import Model
    from stream_anon.detectors.m2fp.convert import Converted

VISIBLE = 0.1
"""Masks are cut out where they are at least this likely."""


def class_labels(model: Model) -> list[str | None]:
    """Our name of each of the network's classes; None for background.

    Raises:
        ModelError: the model does not parse several people, or has classes that we do not know.
    """
    names = model.classes or []
    if model.single_human or not model.parsing_on:
        raise ModelError("the model parses one cut-out person at a time, not people in a scene")
    if len(names) != model.decoder.num_classes or not {"Face", "Human"} <= set(names):
        raise ModelError("the model's configuration does not name its classes as CIHP does")
    if unknown := [n for n in names if n != "Background" and n not in CIHP_LABELS]:
        raise ModelError(f"the model has a class {unknown[0]!r}, which CIHP does not have")
    return [CIHP_LABELS.get(name) for name in names]


class M2FPParser:
    """Finds the parts of people with a converted network."""

    name = "m2fp"

    def __init__(
        self,
        model: Model,
        converted: Converted,
        color: ColorTags,
        *,
        pixel_aspect: float = 1.0,
        min_score: float,
        min_area: float,
        threads: int = 0,
        networks: Networks = Network,
    ) -> None:
        """Load the network.

        Args:
            model: the model folder's configuration.
            converted: the network.
            color: how the frames' numbers become colours.
            pixel_aspect: width of a pixel over its height.
            min_score: answers below this are left out, 0..1.
            min_area: smaller parts are left out, in square pixels of the frame.
            threads: processor threads; 0 takes all cores: such a pass is rare and long.
            networks: loads it.

        Raises:
            ModelError: the network cannot be read, or parses something else than people.
        """
        self._classes = class_labels(model)
        self.labels = frozenset(label for label in self._classes if label is not None)
        self.model_hash = converted.digest
        self._color = color
        self._pixel_aspect = pixel_aspect
        self._min_score = min_score
        self._min_area = min_area
        self._network = networks(
            converted.path, threads=threads or usable_processors(), precision="f32"
        )

    def parse(self, frame: Frame, detection_pass: DetectionPass) -> list[Part]:
        picture = working_picture(frame, detection_pass, self._color, self._pixel_aspect, MEAN)
        logits, masks = self._network.run(picture.rgb)
        if not (np.isfinite(logits).all() and np.isfinite(masks).all()):
            raise ParserError("m2fp answered with values that are not numbers")
        stride = round(picture.rgb.shape[2] / masks.shape[2])  # working pixels per cell of a mask
        rows, columns = math.ceil(picture.rows / stride), math.ceil(picture.columns / stride)
        found = instances(logits[0], masks[0, :, :rows, :columns], self._classes, self._min_score)
        parts = (self._part(picture, instance, stride) for instance in found)
        return [part for part in parts if part is not None]

    def close(self) -> None:
        self._network.close()

    def _part(self, picture: WorkingPicture, instance: Instance, stride: int) -> Part | None:
        """The instance in frame pixels; None where it is too small to matter."""
        cell_x, cell_y = stride * picture.scale_x, stride * picture.scale_y
        if np.count_nonzero(instance.inside) * cell_x * cell_y < self._min_area:
            return None
        seen = instance.mask >= VISIBLE
        rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
        top, bottom = int(rows[0]), int(rows[-1]) + 1
        left, right = int(columns[0]), int(columns[-1]) + 1
        box = Box(
            picture.left + left * cell_x,
            picture.top + top * cell_y,
            (right - left) * cell_x,
            (bottom - top) * cell_y,
        )
        mask = enlarged(instance.mask, (top, bottom, left, right), stride)
        return Part(instance.label, box, mask, instance.score, instance.person)


def enlarged(
    mask: NDArray[np.float32], cells: tuple[int, int, int, int], stride: int
) -> NDArray[np.uint8]:
    """Cut a mask out and draw it at the working size, its surroundings blended in at the rim.

    Args:
        mask: (h, w), 0..1.
        cells: top, bottom, left and right, the ends left out.
        stride: working pixels per cell.
    """
    top, bottom, left, right = cells
    around = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    cut = around[top : bottom + 2, left : right + 2]
    size = (cut.shape[1] * stride, cut.shape[0] * stride)
    fine = cv2.resize(cut, size, interpolation=cv2.INTER_LINEAR)[stride:-stride, stride:-stride]
    return np.asarray(np.rint(fine * 255), np.uint8)
