"""A recorded video goes in, the same video with unrecognisable faces comes out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from known_faces import audit

import stream_anon
from stream_anon.cli import main as cli
from stream_anon.core.files import HashedFile
from stream_anon.core.parts import Part
from stream_anon.core.redacted import MaskedFrame, RedactedFrame, Unknown
from stream_anon.detectors.centerface import WEIGHTS_SHA256, CenterFace
from stream_anon.redaction.redactor import Redactor
from stream_anon.redaction.registry import method_named
from tests.runs import Redacted, changed_share, lumas, times

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from footage import Footage


def test_no_face_can_be_recognised(redacted: Redacted) -> None:
    found = audit(redacted.footage.path, redacted.path, redacted.footage.faces)
    assert found.faces > 60
    assert found.leaked == 0
    assert found.coverage == 1


def test_the_rest_of_the_picture_stays(redacted: Redacted) -> None:
    found = audit(redacted.footage.path, redacted.path, redacted.footage.faces)
    assert found.collateral < 0.03


def test_every_frame_is_shown_when_it_was(redacted: Redacted) -> None:
    assert times(redacted.path) == times(redacted.footage.path)
    assert redacted.summary.frames == redacted.footage.frames


def test_the_summary_counts_what_was_done(redacted: Redacted) -> None:
    summary = redacted.summary
    assert summary.complete
    assert len(summary.people) == summary.frames == redacted.footage.frames
    assert 0 < summary.keyframes < summary.frames
    assert not summary.hidden_whole
    hidden, true = np.array(summary.people), np.array([len(f) for f in redacted.footage.faces])
    assert (hidden >= true).mean() > 0.95


@pytest.mark.parametrize("method", ["pixelate", "fill"])
def test_other_methods_hide_as_well(footage: Footage, tmp_path: Path, method: Any) -> None:
    stream_anon.redact(footage.path, tmp_path / "out.mp4", method=method)
    found = audit(footage.path, tmp_path / "out.mp4", footage.faces)
    assert (found.leaked, found.frames_out) == (0, footage.frames)


SAME_ORDER: dict[str, object] = {"redaction.rules": {"face": {}}}
"""A rule that says nothing. With rules larger parts are drawn first, and soft rims may overlap."""


def test_a_rule_is_what_its_label_is_hidden_by(footage: Footage, tmp_path: Path) -> None:
    ruled, plain, report = (tmp_path / name for name in ("ruled.mp4", "plain.mp4", "run.json"))
    options = ["-q", "--rule", "face=fill", "--method", "pixelate", "--report", str(report)]
    assert cli.run(["redact", str(footage.path), str(ruled), *options]) == 0
    stream_anon.redact(footage.path, plain, method="fill", settings=SAME_ORDER)
    assert ruled.read_bytes() == plain.read_bytes()
    rules = json.loads(report.read_text())["settings"]["redaction"]["rules"]
    assert rules["face"]["method"] == "fill"


def test_a_tracks_file_is_hidden_by_the_rules_for_its_labels(
    footage: Footage, tmp_path: Path
) -> None:
    ruled, plain, tracks = (tmp_path / name for name in ("ruled.mp4", "plain.mp4", "t.json"))
    stream_anon.redact(footage.path, plain, method="fill", export_tracks=tracks)
    rules = {"redaction.rules": {"face": "fill", "eyes": "blur"}}
    found = stream_anon.redact(footage.path, ruled, tracks=tracks, settings=rules)
    stream_anon.redact(
        footage.path, plain, tracks=tracks, method="fill", overwrite=True, settings=SAME_ORDER
    )
    assert ruled.read_bytes() == plain.read_bytes()
    assert found.notes == ["the rule for eyes had no effect: no track has it"]


def test_scope_head_hides_more(redacted: Redacted, tmp_path: Path) -> None:
    footage = redacted.footage
    stream_anon.redact(footage.path, tmp_path / "out.mp4", scope="head", method="fill")
    stream_anon.redact(footage.path, tmp_path / "face.mp4", scope="face", method="fill")
    assert audit(footage.path, tmp_path / "out.mp4", footage.faces).leaked == 0
    head = changed_share(footage.path, tmp_path / "out.mp4")
    assert head > 1.4 * changed_share(footage.path, tmp_path / "face.mp4") > 0


def test_scope_eyes_hides_less(redacted: Redacted, tmp_path: Path) -> None:
    footage = redacted.footage
    stream_anon.redact(footage.path, tmp_path / "out.mp4", scope=["eyes"])
    changed = changed_share(footage.path, tmp_path / "out.mp4")
    assert 0 < changed < 0.8 * changed_share(footage.path, redacted.path)


def test_settings_by_their_dotted_path_are_not_overruled_by_arguments_left_out(
    footage: Footage, tmp_path: Path
) -> None:
    outputs = [tmp_path / "setting.mp4", tmp_path / "argument.mp4", tmp_path / "both.mp4"]
    setting = {"redaction.scope": "head", "redaction.method": "fill"}
    stream_anon.redact(footage.path, outputs[0], settings=setting)
    stream_anon.redact(footage.path, outputs[1], scope="head", method="fill")
    stream_anon.redact(
        footage.path, outputs[2], scope="head", settings={**setting, "redaction.scope": "face"}
    )
    first, second, third = (path.read_bytes() for path in outputs)
    assert first == second == third


def test_the_command_line_does_the_same(redacted: Redacted, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    assert cli.run(["redact", str(redacted.footage.path), str(output), "--quiet"]) == 0
    expected, found = lumas(redacted.path), lumas(output)
    assert expected.keys() == found.keys()
    assert all(np.array_equal(expected[k], found[k]) for k in expected)


# -- the record -------------------------------------------------------------------------------


def test_the_report_tells_what_was_done_and_shows_nothing(redacted: Redacted) -> None:
    text = redacted.report.read_text()
    record = json.loads(text)
    assert record["input"] == {
        "name": "demo.mp4",
        "sha256": HashedFile(redacted.footage.path).sha256,
    }
    assert record["engine"] == {"name": "centerface", "model_sha256": WEIGHTS_SHA256}
    assert record["settings"]["redaction"]["scope"] == "face"
    assert record["settings"]["keyframes"]["interval"] >= 1
    assert record["frames"] == redacted.footage.frames
    assert record["keyframes"] == redacted.summary.keyframes
    assert record["people_per_frame"] == redacted.summary.people
    assert record["frames_hidden_whole"] == {}
    assert record["tracks"] is None
    assert str(redacted.footage.path.parent) not in text
    assert max(map(len, text.split())) < 200  # no picture hides in it


def test_rendering_from_the_tracks_hides_the_same(redacted: Redacted, tmp_path: Path) -> None:
    output, report = tmp_path / "again.mp4", tmp_path / "report.json"
    filled, source = tmp_path / "filled.mp4", redacted.footage.path
    stream_anon.redact(source, filled, method="fill")
    stream_anon.redact(source, output, method="fill", tracks=redacted.tracks, report=report)
    first, second = lumas(filled), lumas(output)
    assert first.keys() == second.keys()
    for k in first:
        apart = np.abs(first[k].astype(np.int16) - second[k].astype(np.int16))
        assert (apart > 24).mean() < 0.002, f"frame {k}"
    record = json.loads(report.read_text())
    assert record["engine"] == {"name": "tracks file", "model_sha256": None}
    assert record["keyframes"] == 0
    assert record["tracks"]["sha256"] == HashedFile(redacted.tracks).sha256


def test_a_person_taken_out_of_the_tracks_stays_clear(redacted: Redacted, tmp_path: Path) -> None:
    edited = json.loads(redacted.tracks.read_text())
    for track in edited["tracks"]:
        track["hide"] = False
    (tmp_path / "edited.json").write_text(json.dumps(edited))
    output = tmp_path / "out.mp4"
    stream_anon.redact(redacted.footage.path, output, tracks=tmp_path / "edited.json")
    found = audit(redacted.footage.path, output, redacted.footage.faces)
    assert found.leaked > 0.9 * found.faces


def test_frames_that_the_tracks_do_not_cover_are_hidden_whole(
    redacted: Redacted, tmp_path: Path
) -> None:
    edited = json.loads(redacted.tracks.read_text())
    edited["frames"], edited["tracks"] = 5, []
    (tmp_path / "edited.json").write_text(json.dumps(edited))
    output = tmp_path / "out.mp4"
    summary = stream_anon.redact(redacted.footage.path, output, tracks=tmp_path / "edited.json")
    assert summary.hidden_whole == {Unknown.NOT_IN_TRACKS.value: redacted.footage.frames - 5}
    assert summary.complete  # all of the input could be decoded
    assert audit(redacted.footage.path, output, redacted.footage.faces).leaked < 5


# -- these tests would see if nothing was hidden ----------------------------------------------


def _parts_changed(monkeypatch: pytest.MonkeyPatch, change: Callable[[Part], Part | None]) -> None:
    real = Redactor.redact

    def redact(self: Redactor, masked: MaskedFrame) -> RedactedFrame:
        assert not isinstance(masked.parts, Unknown)
        parts = tuple(part for p in masked.parts if (part := change(p)) is not None)
        return real(self, MaskedFrame(masked.frame, parts, masked.is_keyframe, masked.age))

    monkeypatch.setattr(Redactor, "redact", redact)


def _leaked(footage: Footage, output: Path) -> float:
    stream_anon.redact(footage.path, output)
    found = audit(footage.path, output, footage.faces)
    return found.leaked / found.faces


def test_the_audit_sees_a_redactor_without_effect(
    footage: Footage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _parts_changed(monkeypatch, lambda _: None)
    assert _leaked(footage, tmp_path / "out.mp4") > 0.95


def test_the_audit_sees_a_parser_that_finds_nobody(
    footage: Footage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CenterFace, "parse", lambda *_: [])
    assert _leaked(footage, tmp_path / "out.mp4") > 0.95


def test_the_audit_sees_masks_that_are_a_face_beside(
    footage: Footage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def beside(part: Part) -> Part:
        moved = part.box.moved(part.box.width, 0)
        return Part(part.label, moved, part.mask, part.score, part.person)

    _parts_changed(monkeypatch, beside)
    assert _leaked(footage, tmp_path / "out.mp4") > 0.6


def test_the_audit_sees_cells_that_are_too_fine(
    footage: Footage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Redactor._hide

    def fine(self: Redactor, *arguments: Any) -> None:
        settings = self._style.settings.model_copy(update={"cells": 48})
        self._style = self._style._replace(method=method_named("pixelate"), settings=settings)
        real(self, *arguments)

    monkeypatch.setattr(Redactor, "_hide", fine)
    assert _leaked(footage, tmp_path / "out.mp4") > 0.5


def test_the_audit_sees_one_frame_without_masks(
    footage: Footage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Redactor.redact
    shown = next(k for k, faces in enumerate(footage.faces) if 0 in faces) + 10

    def redact(self: Redactor, masked: MaskedFrame) -> RedactedFrame:
        if masked.frame.index == shown:
            masked = MaskedFrame(masked.frame, ())
        return real(self, masked)

    monkeypatch.setattr(Redactor, "redact", redact)
    stream_anon.redact(footage.path, tmp_path / "out.mp4")
    found = audit(footage.path, tmp_path / "out.mp4", footage.faces)
    assert (found.leaked, found.longest_exposure) == (1, 1)
