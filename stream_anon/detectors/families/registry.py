"""The families of detectors that `[detectors.NAME] format = …` knows, one row each."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from stream_anon.detectors import centerface
from stream_anon.detectors.boxes import Preparation
from stream_anon.detectors.families.distances import NanoDet, Scrfd
from stream_anon.detectors.families.found import Found
from stream_anon.detectors.families.retinaface import RetinaFace
from stream_anon.detectors.families.ssd import Ssd
from stream_anon.detectors.families.yolo import YoloV5, YoloV8, YoloX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from stream_anon.detectors.families.found import Named

    Floats = NDArray[np.float32]


class Family(Protocol):
    """What the outputs of a family mean."""

    expects: str
    """The shape of its outputs, for the error."""

    def classes(self, shapes: Sequence[tuple[int, ...]], shape: tuple[int, int]) -> int | None:
        """How many classes there are; None where the outputs' shapes are not of this family.

        Args:
            shapes: of the outputs.
            shape: rows and columns of the input.
        """

    def scores(self, outputs: Sequence[Floats]) -> Floats:
        """All scores that the outputs hold, which must be 0..1; in any shape."""

    def decode(
        self,
        outputs: Sequence[Floats],
        shape: tuple[int, int],
        min_score: float,
        named: Named = None,
        /,
    ) -> Found:
        """Boxes of one input, best first, in input pixels.

        Args:
            outputs: of the network.
            shape: rows and columns of the input.
            min_score: less likely boxes are left out.
            named: the classes that count; None for all.
        """


class _CenterFace:
    """Heat (1, 1, h, w), log size, offset (1, 2, h, w), landmarks (1, 10, h, w)."""

    expects = "(1, 1, h, w), (1, 2, h, w) twice and (1, 10, h, w), h and w a quarter of the input's"

    def classes(self, shapes: Sequence[tuple[int, ...]], shape: tuple[int, int]) -> int | None:
        rows, columns = (side // centerface.CELL for side in shape)
        wanted = [(1, channels, rows, columns) for channels in (1, 2, 2, 10)]
        return 1 if list(shapes) == wanted else None

    def scores(self, outputs: Sequence[Floats]) -> Floats:
        return outputs[0]

    def decode(
        self,
        outputs: Sequence[Floats],
        _shape: tuple[int, int],
        min_score: float,
        _named: Named = None,
    ) -> Found:
        faces = centerface.decode(list(outputs), min_score)
        return Found(
            np.array([face.box for face in faces], np.float32).reshape(-1, 4),
            np.array([face.score for face in faces], np.float32),
            np.zeros(len(faces), np.intp),
        )


class Known(NamedTuple):
    """One family and the colours that it is trained with."""

    family: Family
    preparation: Preparation


_UNIT = (1 / 255, 1 / 255, 1 / 255)
FAMILIES = {
    "yolov5": Known(YoloV5(), Preparation(scale=_UNIT)),
    "yolov8": Known(YoloV8(), Preparation(scale=_UNIT)),
    "yolox": Known(YoloX(), Preparation(bgr=True)),
    "nanodet": Known(
        NanoDet(),
        Preparation(
            bgr=True,
            mean=(103.53, 116.28, 123.675),
            scale=(1 / 57.375, 1 / 57.12, 1 / 58.395),
        ),
    ),
    "ssd": Known(Ssd(), Preparation(bgr=True)),
    "retinaface": Known(RetinaFace(), Preparation(bgr=True, mean=(104.0, 117.0, 123.0))),
    "scrfd": Known(
        Scrfd(), Preparation(mean=(127.5, 127.5, 127.5), scale=(1 / 128, 1 / 128, 1 / 128))
    ),
    "centerface": Known(_CenterFace(), Preparation()),
}
"""By the name of the format."""
