"""Which detection belongs to which track."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from stream_anon.masking.detection import alike

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stream_anon.core.parts import Box
    from stream_anon.masking.detection import Detection
    from stream_anon.masking.tracks import Track

REACH = 0.6
"""A detection belongs to a track if it is this close, as a share of the face's size."""
REACH_GROWTH = 0.1
"""The reach grows by this for each frame without a detection, up to `MAX_REACH`."""
MAX_REACH = 1.5
SIZE_RATIO = 2.0
SAME = 0.45
"""Two detections in one frame that overlap by this much (IoU) are one."""
SAME_PLACE = 0.7
"""Two that overlap by this much say the same; by less, one may be somebody behind the other."""


def without_doubles(detections: Sequence[Detection]) -> list[Detection]:
    """The detections of several passes over one frame, best first, each person once.

    Where the weaker of two answers may be somebody behind the other, both are hidden as one.
    """
    kept: list[Detection] = []
    for detection in sorted(detections, key=lambda s: -s.score):
        add_unless_double(kept, detection)
    return kept


def add_unless_double(kept: list[Detection], detection: Detection) -> None:
    """Add a detection to others of its frame, or hide it as one with the person it is there.

    What has other labels is something else, and a label that the other one lacks is kept.
    """
    labels = detection.labels
    for n, other in enumerate(kept):
        shared = detection.anchor.iou(other.anchor)
        if shared >= SAME and other.may_be(labels):
            if shared < SAME_PLACE or not labels <= other.labels:
                kept[n] = replace(other, parts=(*other.parts, *detection.parts))
            return
    kept.append(detection)


def associate(
    tracks: Sequence[Track], detections: Sequence[Detection], index: int
) -> tuple[list[tuple[Track, Detection]], list[Detection]]:
    """Pair each track with the nearest detection, nearest pairs first.

    Args:
        tracks: with their anchors carried to frame `index`.
        detections: of that frame.
        index: the frame.

    Returns:
        The pairs, and the detections that belong to nobody.
    """
    candidates: list[tuple[float, int, int]] = []
    labels = [detection.labels for detection in detections]
    for row, track in enumerate(tracks):
        known, reach = track.labels, REACH
        if not track.kind:  # a part that is not found is carried from both sides anyway
            since = max(0, index - track.last_seen - 1)
            reach = min(MAX_REACH, REACH + REACH_GROWTH * since)
        for column, detection in enumerate(detections):
            if detection.kind != track.kind or not alike(known, labels[column]):
                continue
            apart = min(distance(guess, detection.anchor) for guess in track.guesses(index))
            if apart <= reach:
                candidates.append((apart, row, column))
    pairs: list[tuple[Track, Detection]] = []
    used_tracks: set[int] = set()
    used_detections: set[int] = set()
    for _, row, column in sorted(candidates):
        if row not in used_tracks and column not in used_detections:
            used_tracks.add(row)
            used_detections.add(column)
            pairs.append((tracks[row], detections[column]))
    rest = [s for column, s in enumerate(detections) if column not in used_detections]
    return pairs, rest


def nearest(
    tracks: Sequence[Track], detections: Sequence[Detection]
) -> list[tuple[Track, Detection]]:
    """Pair those who were just seen first with what was seen of anybody a moment before.

    They may have come from anywhere: sizes must fit, and the nearest pairs win.
    """
    labels = [detection.labels for detection in detections]
    apart = [
        (distance(track.detections[min(track.detections)].anchor, detection.anchor), row, column)
        for row, track in enumerate(tracks)
        for column, detection in enumerate(detections)
        if alike(track.labels, labels[column])
    ]
    pairs: list[tuple[Track, Detection]] = []
    rows, columns = set[int](), set[int]()
    for far, row, column in sorted(apart):
        if far < math.inf and row not in rows and column not in columns:
            rows.add(row)
            columns.add(column)
            pairs.append((tracks[row], detections[column]))
    return pairs


def says_all(known: Detection, detection: Detection) -> bool:
    """Whether all that a detection says is known already."""
    same_place = detection.anchor.iou(known.anchor) >= SAME_PLACE
    return same_place and detection.labels <= known.labels


def distance(a: Box, b: Box) -> float:
    """Between the centres, as a share of the mean size; infinite where the sizes do not fit."""
    if not 1 / SIZE_RATIO <= (a.size + 1e-6) / (b.size + 1e-6) <= SIZE_RATIO:
        return math.inf
    (ax, ay), (bx, by) = a.center, b.center
    return math.hypot(ax - bx, ay - by) / ((a.size + b.size) / 2)
