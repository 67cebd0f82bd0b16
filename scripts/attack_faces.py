"""Faces behind masks: tracks of aligned photographs, hidden by the redactor itself."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from stream_anon.config import Redaction, Settings
from stream_anon.core.frame import ColorTags, Frame, StreamInfo
from stream_anon.core.parts import Box, Part
from stream_anon.core.redacted import MaskedFrame
from stream_anon.detectors.shapes import ellipse
from stream_anon.masking.outlines import Outlines
from stream_anon.redaction.redactor import Redactor

SHARED_FACES = Path(__file__).resolve().parents[2] / "shared" / "faces" / "orl30.npz"
PICTURE, MASK = 224, 152
"""Pixels along the sides of a frame and of the mask in its middle."""
SEEN = 40
"""Pixels along the sides of what the attacker gets."""
TREMBLE, NOISE = 1.5, 4.0
"""Pixels and grey levels by which the frames of a track differ."""


def people_in(path: Path) -> np.ndarray:
    """Photographs, (people, photos, rows, columns) of uint8."""
    with np.load(path) as file:
        return np.asarray(file["images"], np.uint8)


def _scaled(photo: np.ndarray) -> np.ndarray:
    """A photograph in which the head takes the size of the mask, in the middle of a frame."""
    factor = MASK / photo.shape[1] / 0.9
    big = cv2.resize(photo, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    pad = PICTURE
    wide = cv2.copyMakeBorder(big, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
    y, x = ((size - PICTURE) // 2 for size in wide.shape)
    return wide[y : y + PICTURE, x : x + PICTURE]


def hidden(images: np.ndarray, method: str | None, *, frames: int) -> np.ndarray:
    """What is seen inside of the mask: (frames, people * photos, pixels), 0..1.

    Args:
        images: from `people_in`.
        method: how it is hidden; None for not at all.
        frames: of each track.
    """
    people, photos = images.shape[:2]
    random = np.random.default_rng(2)
    scaled = [[_scaled(photo) for photo in photographs] for photographs in images]
    low = (PICTURE - MASK) // 2
    box = Box(low, low, MASK, MASK)
    inside = _inside()
    redactor = Redactor(Redaction(method=method or "fill"), ColorTags(full_range=True))
    rows = np.empty((frames, people * photos, SEEN * SEEN), np.float32)
    for track in range(people * photos):
        person, photo = divmod(track, photos)
        stranger = (person + 1 + int(random.integers(people - 1))) % people
        around = scaled[stranger][int(random.integers(photos))]
        for number in range(frames):
            shift = random.normal(0, TREMBLE if number else 0, 2)
            moved = _shifted(scaled[person][photo], shift)
            luma = np.where(inside, moved, around) + random.normal(0, NOISE, moved.shape)
            shown = _shown(redactor, np.clip(luma, 0, 255).astype(np.uint8), box, track, number)
            seen = shown if method else np.clip(luma, 0, 255)
            rows[number, track] = _features(np.asarray(seen, np.float32), inside, low)
    return rows


def _shifted(picture: np.ndarray, shift: np.ndarray) -> np.ndarray:
    move = np.array([[1, 0, shift[0]], [0, 1, shift[1]]])
    size = (picture.shape[1], picture.shape[0])
    return cv2.warpAffine(picture, move, size, borderMode=cv2.BORDER_REPLICATE)


def _shown(redactor: Redactor, luma: np.ndarray, box: Box, track: int, number: int) -> np.ndarray:
    grey = np.full((PICTURE // 2, PICTURE // 2), 128, np.uint8)
    frame = Frame((luma, grey, grey), number, number, Fraction(1, 25))
    part = Part("face", box, ellipse(), 1.0, track)
    return redactor.redact(MaskedFrame(frame, (part,))).planes[0]


def _inside() -> np.ndarray:
    """The mask, as pixels of the picture."""
    low = (PICTURE - MASK) // 2
    mask = np.zeros((PICTURE, PICTURE), bool)
    large = cv2.resize(ellipse(), (MASK, MASK), interpolation=cv2.INTER_NEAREST)
    mask[low : low + MASK, low : low + MASK] = large > 0
    return mask


def _features(picture: np.ndarray, inside: np.ndarray, low: int) -> np.ndarray:
    cut = np.where(inside, picture, 0)[low : low + MASK, low : low + MASK]
    return cv2.resize(cut, (SEEN, SEEN), interpolation=cv2.INTER_AREA).ravel() / 255


def outlines(images: np.ndarray) -> dict[str, np.ndarray]:
    """Widths and heights of masks, logarithms; -1 where no face was found.

    Of the detector's boxes, of the outlines drawn around them, and of those with noise.
    """
    from stream_anon.detectors.base import DetectionPass  # noqa: PLC0415 - loads the network
    from stream_anon.detectors.centerface import CenterFace  # noqa: PLC0415

    people, photos = images.shape[:2]
    info = StreamInfo("faces", PICTURE, PICTURE, Fraction(1, 25))
    detector = CenterFace(info.color, min_score=Settings().masking.confirm_score)
    found: dict[str, list[tuple[float, float]]] = {"boxes": [], "drawn": [], "with noise": []}
    grey = np.full((PICTURE // 2, PICTURE // 2), 128, np.uint8)
    try:
        for track in range(people * photos):
            luma = np.ascontiguousarray(_scaled(images[track // photos, track % photos]))
            frame = Frame((luma, grey, grey), 0, 0, Fraction(1, 25))
            parts = detector.parse(frame, DetectionPass(PICTURE))
            faces = [part for part in parts if part.label == "face"]
            plain, noised = Outlines(), Outlines(0.5)
            plain.next_frame()
            noised.next_frame()
            for name, outlined in (("boxes", None), ("drawn", plain), ("with noise", noised)):
                if not faces:
                    found[name].append((-1.0, -1.0))
                    continue
                box = (
                    faces[0].box
                    if outlined is None
                    else outlined.around(track, faces[0], faces[0].box)
                )
                found[name].append((float(np.log(box.width)), float(np.log(box.height))))
    finally:
        detector.close()
    return {name: np.array(values) for name, values in found.items()}
