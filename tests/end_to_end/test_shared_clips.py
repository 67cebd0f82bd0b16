"""Real footage: no face of the plain clips can be recognised. Skipped without `../shared`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import stream_anon
from stream_anon.audit.measure import audit
from stream_anon.parsing.centerface import CenterFace

if TYPE_CHECKING:
    from pathlib import Path

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


def test_the_audit_sees_a_parser_that_finds_nobody(
    shared_clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CenterFace, "parse", lambda *_: [])
    stream_anon.redact(shared_clips / "eat.mkv", tmp_path / "out.mkv")
    found = audit(shared_clips / "eat.mkv", tmp_path / "out.mkv", _faces(shared_clips, "eat.mkv"))
    assert found.leaked > 0.95 * found.faces
