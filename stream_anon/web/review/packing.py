"""JSON between the server and the process of a review: larger than the head of a message may be."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from stream_anon.core.frame import Plane


def plane_of(data: bytes) -> Plane:
    """Bytes as a plane, which messages carry."""
    return np.frombuffer(data, np.uint8).reshape(1, -1)


def packed(value: Any) -> Plane:
    """JSON as a plane."""
    return plane_of(json.dumps(value).encode())


def unpacked(planes: tuple[Plane, ...]) -> Any:
    """JSON out of the one plane of a message.

    Raises:
        ValueError: it is none.
    """
    (plane,) = planes
    return json.loads(plane.tobytes())
