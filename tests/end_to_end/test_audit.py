"""`stream-anon audit`, `verify` and `redact --audit` on whole files."""

from __future__ import annotations

import json
import random
import re
import shutil
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from known_faces import audit as audit_of_known_faces

import stream_anon
from stream_anon.cli.main import run
from stream_anon.core.redacted import MaskedFrame
from stream_anon.pipeline.auditing import AuditFiles, audit_file
from tests.runs import leftovers

if TYPE_CHECKING:
    from pathlib import Path

    from footage import Footage

    from stream_anon.audit.findings import Findings
    from tests.runs import Redacted

GROWN = 0.25
"""What is planted around a face, as a share of it on each side."""


def planted(redacted: Redacted, path: Path, shown: set[tuple[int, int]]) -> Path:
    """The redacted video with single faces of single frames as they were before.

    Args:
        redacted: the video and what is known of it.
        path: where to.
        shown: frames and people.
    """
    faces = redacted.footage.faces
    with (
        av.open(str(redacted.footage.path)) as before,
        av.open(str(redacted.path)) as after,
        av.open(str(path), "w") as target,
    ):
        video = after.streams.video[0]
        stream = target.add_stream("libx264", rate=video.average_rate, options={"crf": "20"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = video.width, video.height, "yuv420p"
        if video.time_base is not None:
            stream.time_base = video.time_base
        pairs = zip(before.decode(video=0), after.decode(video=0), strict=True)
        for index, (raw, safe) in enumerate(pairs):
            picture = safe.to_ndarray(format="yuv420p").copy()
            original = raw.to_ndarray(format="yuv420p")
            for frame, person in shown:
                if frame == index:
                    x1, y1, x2, y2 = faces[frame][person]
                    dx, dy = GROWN * (x2 - x1), GROWN * (y2 - y1)
                    rows = slice(max(0, int(y1 - dy)), min(video.height, int(y2 + dy)))
                    columns = slice(max(0, int(x1 - dx)), int(x2 + dx))
                    picture[rows, columns] = original[rows, columns]
            copy = av.VideoFrame.from_ndarray(picture, format="yuv420p")
            copy.pts, copy.time_base = safe.pts, safe.time_base
            target.mux(stream.encode(copy))
        target.mux(stream.encode(None))
    return path


def exposed_frames(findings: Findings) -> set[int]:
    return {
        frame
        for person in findings.audited
        for first, last in person.exposures()
        for frame in range(first, last + 1)
    }


@pytest.fixture(scope="module")
def audited(redacted: Redacted, tmp_path_factory: pytest.TempPathFactory) -> tuple[Findings, Path]:
    """The demo footage's redaction, audited, with a page and a record. Read-only."""
    folder = tmp_path_factory.mktemp("audited")
    files = AuditFiles(html=folder / "audit.html", record=folder / "audit.json")
    return audit_file(redacted.footage.path, redacted.path, files), folder


def test_nobody_is_exposed_in_a_full_redaction(
    audited: tuple[Findings, Path], redacted: Redacted
) -> None:
    findings, _ = audited
    known = audit_of_known_faces(redacted.footage.path, redacted.path, redacted.footage.faces)
    assert (findings.verdict, findings.exposed, known.leaked) == ("hidden", 0, 0)
    assert findings.face_frames >= known.faces > 50
    assert findings.counts.compared == redacted.footage.frames
    assert findings.counts.lost == findings.counts.added == findings.counts.moved == 0
    assert findings.coverage > 0.99
    assert findings.collateral == pytest.approx(known.collateral, abs=0.01)


def test_every_true_face_is_found(audited: tuple[Findings, Path], footage: Footage) -> None:
    findings, _ = audited
    there = [set(person.frames.tolist()) for person in findings.people]
    for index, faces in enumerate(footage.faces):
        assert sum(index in frames for frames in there) >= len(faces), index


def test_exposures_planted_at_random_are_found_and_nothing_else(
    redacted: Redacted, tmp_path: Path
) -> None:
    faces = redacted.footage.faces
    everyone = [(index, person) for index, seen in enumerate(faces) for person in seen]
    shown = set(random.Random(1).sample(everyone, 8))
    path = planted(redacted, tmp_path / "planted.mkv", shown)
    findings = audit_file(redacted.footage.path, path)
    known = audit_of_known_faces(redacted.footage.path, path, faces)
    assert findings.verdict == "exposed"
    assert exposed_frames(findings) == {frame for frame, _ in shown}
    assert findings.exposed == known.leaked == len(shown)
    assert findings.longest.frames == known.longest_exposure


def test_a_video_that_was_not_redacted_exposes_everybody(footage: Footage, tmp_path: Path) -> None:
    copy = shutil.copy(footage.path, tmp_path / "copy.mp4")
    findings = audit_file(footage.path, copy)
    assert findings.exposed == findings.face_frames > 50
    assert findings.coverage < 0.1
    assert "sound (aac)" in findings.leftovers.streams
    assert any("same as in the original" in stream for stream in findings.leftovers.streams)


# -- what is written --------------------------------------------------------------------------


def test_the_page_needs_nothing_else(audited: tuple[Findings, Path]) -> None:
    text = (audited[1] / "audit.html").read_text()
    assert "data:image/jpeg;base64," in text
    text = re.sub(r"base64,[^\"]*", "", text)
    assert "No face is exposed" in text
    assert "<script" not in text
    assert not re.search(r"(https?:)?//\w", text)
    assert set(re.findall(r'(?:src|href)="([^:"]*)', text)) <= {"data"}
    assert text.count("<svg") == text.count("</svg>") == 3
    assert text.endswith("</html>\n")


def test_the_record_has_the_figures_and_the_hashes(
    audited: tuple[Findings, Path], redacted: Redacted
) -> None:
    record = json.loads((audited[1] / "audit.json").read_text())
    assert record["verdict"] == "hidden"
    assert record["faces"]["exposed"] == 0
    assert len(record["people"]) == record["faces"]["people"] >= 2
    assert record["cannot_know"]
    for name in ("original", "redacted", "program"):
        assert len(record[name]["sha256"]) == 64
    assert leftovers(audited[1], audited[1] / "audit.html", audited[1] / "audit.json") == []
    assert stream_anon.verify_record(audited[1] / "audit.json", redacted.path)


def test_the_report_of_a_run_names_its_output(redacted: Redacted) -> None:
    notes = stream_anon.verify_record(
        redacted.report, redacted.path, original=redacted.footage.path
    )
    assert len(notes) == 1
    with pytest.raises(stream_anon.CustodyError):
        stream_anon.verify_record(redacted.report, redacted.footage.path)


# -- the command line -------------------------------------------------------------------------


def said(arguments: list[Any], capfd: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = run([str(argument) for argument in arguments])
    captured = capfd.readouterr()
    return code, captured.out + captured.err


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory, clip: Path) -> tuple[Path, Path]:
    """A second of a face, and its redaction. Read-only."""
    path = tmp_path_factory.mktemp("short") / "out.mp4"
    stream_anon.redact(clip, path)
    return clip, path


def test_exit_code_0_where_nobody_is_exposed(
    short: tuple[Path, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    code, text = said(["audit", *short], capfd)
    assert code == 0
    assert "no face exposed" in text


def test_exit_code_3_where_somebody_is(
    short: tuple[Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    copy = shutil.copy(short[0], tmp_path / "copy.mp4")
    page = tmp_path / "page.html"
    code, text = said(["audit", short[0], copy, "--html", page, "--quiet"], capfd)
    assert code == 3
    assert "exposed" in text
    assert "person 0: frames" in text
    assert "Faces are exposed" in page.read_text()


def test_redact_audits_its_output(
    short: tuple[Path, Path],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    code, text = said(["redact", short[0], tmp_path / "a.mp4", "--audit"], capfd)
    assert (code, "no face exposed" in text) == (0, True)
    from stream_anon.redaction.redactor import Redactor

    real = Redactor.redact

    def shows_one(self: Redactor, masked: Any) -> Any:
        if masked.frame.index == 12:
            masked = MaskedFrame(masked.frame, ())
        return real(self, masked)

    monkeypatch.setattr(Redactor, "redact", shows_one)
    code, text = said(["redact", short[0], tmp_path / "b.mp4", "--audit"], capfd)
    assert code == 3
    assert re.search(r"person \d: frame 12 \(", text), text
    assert (tmp_path / "b.mp4").exists(), "to be looked at"
    code, text = said(["redact", short[0], "--output-dir", tmp_path / "all", "--audit"], capfd)
    assert code == 3
    assert "1 with a face that is exposed" in text


def test_whoever_is_left_clear_by_the_tracks_is_no_exposure(
    short: tuple[Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    tracks, output = tmp_path / "tracks.json", tmp_path / "out.mp4"
    stream_anon.redact(short[0], tmp_path / "first.mp4", export_tracks=tracks)
    edited = json.loads(tracks.read_text())
    for track in edited["tracks"]:
        track["hide"] = False
    tracks.write_text(json.dumps(edited))
    stream_anon.redact(short[0], output, tracks=tracks)
    assert said(["audit", short[0], output], capfd)[0] == 3
    assert said(["audit", short[0], output, "--tracks", tracks], capfd)[0] == 0
    record = tmp_path / "audit.json"
    said(["audit", short[0], output, "--tracks", tracks, "--json", record], capfd)
    people = json.loads(record.read_text())["people"]
    assert people
    assert all(person["kept_clear"] and person["name"].startswith("track ") for person in people)


def test_signed_reports(
    short: tuple[Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    private = Ed25519PrivateKey.generate()
    key, public = tmp_path / "key.pem", tmp_path / "public.pem"
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    key.write_bytes(private.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    public.write_bytes(
        private.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    output, report, record = (tmp_path / name for name in ("o.mp4", "r.json", "a.json"))
    assert said(["redact", short[0], output, "--report", report, "--sign", key], capfd)[0] == 0
    assert said(["audit", short[0], output, "--json", record, "--sign", key], capfd)[0] == 0
    for signed in (report, record):
        code, text = said(
            ["verify", signed, output, "--key", public, "--original", short[0]], capfd
        )
        assert code == 0, text
        assert "is the file that" in text
        assert said(["verify", signed, short[0], "--key", public], capfd)[0] == 3
        changed = json.loads(signed.read_text())
        changed["more"] = 1
        signed.write_text(json.dumps(changed))
        code, text = said(["verify", signed, output], capfd)
        assert code == 3
        assert "not valid" in text


# -- bad input --------------------------------------------------------------------------------


def _bad(short: tuple[Path, Path], folder: Path) -> dict[str, tuple[int, list[Any]]]:
    original, output = short
    broken, empty = folder / "broken.mp4", folder / "empty.mp4"
    broken.write_bytes(b"no video" * 100)
    empty.write_bytes(b"")
    page, text = folder / "page.html", folder / "text.json"
    text.write_text("{}")
    taken = folder / "taken.html"
    taken.write_text("mine")
    ends = ["--html", page]
    redact = ["redact", original, folder / "new.mp4"]
    return {
        "original missing": (3, ["audit", folder / "nowhere.mp4", output, *ends]),
        "redacted missing": (3, ["audit", original, folder / "nowhere.mp4", *ends]),
        "no video": (3, ["audit", original, broken, *ends]),
        "empty": (3, ["audit", empty, output, *ends]),
        "a folder": (3, ["audit", original, folder, *ends]),
        "the same file": (2, ["audit", original, original, *ends]),
        "page over the video": (2, ["audit", original, output, "--html", output]),
        "page in no folder": (4, ["audit", original, output, "--html", folder / "no" / "a.html"]),
        "page is a folder": (4, ["audit", original, output, "--html", folder]),
        "page exists": (4, ["audit", original, output, "--html", taken]),
        "one name twice": (2, ["audit", original, output, *ends, "--json", page]),
        "no tracks file": (2, ["audit", original, output, *ends, "--tracks", text]),
        "tracks missing": (2, ["audit", original, output, "--tracks", folder / "no.json"]),
        "sign without record": (2, ["audit", original, output, *ends, "--sign", text]),
        "no key": (2, ["audit", original, output, "--json", page, "--sign", text]),
        "no such track": (3, ["audit", original, output, *ends, "--video-track", "9"]),
        "track 0": (2, ["audit", original, output, *ends, "--video-track", "0"]),
        "an address": (2, ["audit", "rtsp://user:secret@host/a", output, *ends]),
        "one argument": (2, ["audit", original]),
        "redact: sign without report": (2, [*redact, "--sign", text]),
        "redact: no key": (2, [*redact, "--report", page, "--sign", text]),
        "redact: audit of a pipe": (2, ["redact", original, "-", "--format", "mkv", "--audit"]),
        "redact: audit of masks": (2, ["redact", original, "--masks-only", page, "--audit"]),
        "verify: no report": (2, ["verify", text, output]),
        "verify: missing": (2, ["verify", folder / "nowhere.json", output]),
    }


def test_bad_input_is_one_clear_line_and_nothing_is_written(
    short: tuple[Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    cases = _bad(short, tmp_path)
    before = {path.name: path.is_file() and path.read_bytes() for path in tmp_path.iterdir()}
    size = short[1].stat().st_size
    for what, (expected, arguments) in cases.items():
        code, text = said(arguments, capfd)
        assert code == expected, (what, text)
        assert len(text.strip().splitlines()) == 1, (what, text)
        assert "secret" not in text
        now = {path.name: path.is_file() and path.read_bytes() for path in tmp_path.iterdir()}
        assert now == before, what
        assert short[1].stat().st_size == size, what


def test_another_size_is_refused(
    short: tuple[Path, Path], footage: Footage, capfd: pytest.CaptureFixture[str]
) -> None:
    code, text = said(["audit", footage.path, short[1]], capfd)
    assert code == 3
    assert "not the same video" in text


# -- other files ------------------------------------------------------------------------------


def test_pictures_are_audited_too(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    import cv2
    from footage_person import photo

    picture, output = tmp_path / "in.png", tmp_path / "out.png"
    cv2.imwrite(str(picture), photo())
    stream_anon.redact(picture, output)
    code, text = said(["audit", picture, output], capfd)
    assert code == 0, text
    assert "1 face of 1 person in 1 frame compared" in text
    upside_down = np.ascontiguousarray(np.rot90(photo(), 2))
    cv2.imwrite(str(picture), upside_down)
    cv2.imwrite(str(output), upside_down.astype(np.float64).clip(2, 255).astype(np.uint8))
    assert said(["audit", picture, output], capfd)[0] == 3


def test_a_part_that_was_cut_out_is_compared_with_its_place(
    redacted: Redacted, tmp_path: Path
) -> None:
    path = tmp_path / "part.mp4"
    stream_anon.redact(redacted.footage.path, path, begin=1.0, end=2.0, trim=True)
    findings = audit_file(redacted.footage.path, path)
    counts = findings.counts
    assert counts.compared == counts.redacted == 30
    assert counts.lost == redacted.footage.frames - 30
    assert counts.unmatched == 0
    assert findings.exposed == 0
