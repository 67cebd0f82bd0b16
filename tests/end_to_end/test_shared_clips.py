"""Real footage: no face of the plain clips can be recognised. Skipped without `../shared`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from known_faces import audit

import stream_anon
from stream_anon.core.parts import Box, Part
from stream_anon.detectors.base import DetectionPass
from stream_anon.detectors.centerface import CenterFace
from stream_anon.detectors.labels import CIHP_LABELS
from stream_anon.pipeline import recording_run as build
from stream_anon.pipeline.engines import Engines
from tests.stubs import StubParser, nobody

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from stream_anon.core.frame import Frame

CLIPS = [
    "eat.mkv",
    "walk.mkv",
    "face-demographics-walking-and-pause.gif",
    "head-pose-face-detection-female.gif",
]
MOST_COLLATERAL = 0.03


def _faces(folder: Path, name: str) -> list[dict[int, tuple[float, float, float, float]]]:
    everything = json.loads((folder / "truth.json").read_text())
    truth: dict[str, Any] = everything[name.split(".", maxsplit=1)[0]]
    faces: list[dict[int, tuple[float, float, float, float]]] = [{} for _ in range(truth["frames"])]
    for person, track in enumerate(truth["tracks"]):
        for index, x1, y1, x2, y2 in track:
            faces[index][person] = (x1, y1, x2, y2)
    return faces


@pytest.mark.parametrize("name", CLIPS)
def test_no_face_of_a_plain_clip_can_be_recognised(
    shared_clips: Path, tmp_path: Path, name: str
) -> None:
    faces = _faces(shared_clips, name)
    summary = stream_anon.redact(shared_clips / name, tmp_path / "out.mkv")
    found = audit(shared_clips / name, tmp_path / "out.mkv", faces)
    assert summary.frames == found.frames_in == found.frames_out
    assert found.faces > 20
    assert found.leaked == 0
    assert found.collateral < MOST_COLLATERAL


class _TruthAtKeyframes:
    """Stands in for m2fp: every true face to the pixel, in the frames that it is asked about."""

    name = "truth"
    labels = frozenset(CIHP_LABELS.values())
    model_hash = "0" * 64

    def __init__(self, faces: list[dict[int, tuple[float, float, float, float]]]) -> None:
        self._faces = faces
        self.asked: list[int] = []

    def parse(self, frame: Frame, detection_pass: DetectionPass) -> list[Part]:
        self.asked.append(frame.index)
        return [
            Part("face", Box(x1, y1, x2 - x1, y2 - y1), _oval(), 0.9, person)
            for person, (x1, y1, x2, y2) in self._faces[frame.index].items()
        ]

    def close(self) -> None:
        pass


def _oval() -> NDArray[np.uint8]:
    across = (np.arange(40) + 0.5) / 20 - 1
    return np.asarray((across[:, None] ** 2 + across**2 <= 1.15) * 255, np.uint8)


@pytest.mark.parametrize("name", CLIPS)
def test_parts_seen_once_a_second_cover_faces_in_every_frame_between(
    shared_clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    faces = _faces(shared_clips, name)
    seen = _TruthAtKeyframes(faces)
    monkeypatch.setattr(build, "load_engines", lambda *_: Engines([StubParser(nobody)], seen))
    stream_anon.redact(shared_clips / name, tmp_path / "out.mkv")
    found = audit(shared_clips / name, tmp_path / "out.mkv", faces)
    assert len(seen.asked) <= len(faces) // 10, "they are carried, not seen"
    assert found.faces > 20
    assert found.leaked == 0
    assert found.collateral < MOST_COLLATERAL


def test_the_audit_sees_a_parser_that_finds_nobody(
    shared_clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CenterFace, "parse", lambda *_: [])
    stream_anon.redact(shared_clips / "eat.mkv", tmp_path / "out.mkv")
    found = audit(shared_clips / "eat.mkv", tmp_path / "out.mkv", _faces(shared_clips, "eat.mkv"))
    assert found.leaked > 0.95 * found.faces
