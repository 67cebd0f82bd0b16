"""Working out masks without rendering, and rendering from masks: together one direct run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import stream_anon
from stream_anon.cli import main as cli
from stream_anon.core.files import HashedFile
from stream_anon.core.redacted import Unknown
from stream_anon.detectors import registry
from stream_anon.errors import ConfigError, OutputExistsError, ParserError, SinkError, SourceError
from stream_anon.masking import masks_file
from stream_anon.masking.masks_file import MasksWriter, open_masks
from stream_anon.redaction.redactor import Redactor
from stream_anon.sinks.file import MediaSink
from tests.runs import leftovers
from tests.toys import plates

if TYPE_CHECKING:
    from stream_anon.pipeline.report import Summary
    from tests.runs import Redacted

OVER_PARTS: dict[str, object] = {
    "parsing.engine": "m2fp", "m2fp.short_side": 64, "m2fp.min_score": 0.1,
}  # fmt: skip


@pytest.fixture(scope="module")
def direct(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what one run over the clip gave. Read-only."""
    folder = tmp_path_factory.mktemp("direct")
    stream_anon.redact(
        clip, folder / "out.mp4", export_masks=folder / "masks.jsonl",
        export_tracks=folder / "tracks.json",
    )  # fmt: skip
    return folder


def work_out(source: Path, to: Path, **options: Any) -> Summary:
    return stream_anon.redact(source, None, export_masks=to, **options)


def end_of(masks: Path) -> dict[str, object]:
    return dict(json.loads(masks.read_text().splitlines()[-1]))


class TestTheTwoSteps:
    def test_somebody_is_hidden_in_the_direct_run(self, direct: Path, clip: Path) -> None:
        tracks = json.loads((direct / "tracks.json").read_text())["tracks"]
        assert sum(len(track["boxes"]) for track in tracks) > 10
        end = end_of(direct / "masks.jsonl")
        assert (end["end"], end["input_sha256"]) == (24, HashedFile(clip).sha256)

    def test_masks_alone_are_those_of_the_direct_run(
        self, direct: Path, clip: Path, tmp_path: Path
    ) -> None:
        summary = work_out(clip, tmp_path / "m.jsonl", export_tracks=tmp_path / "t.json")
        assert (tmp_path / "m.jsonl").read_bytes() == (direct / "masks.jsonl").read_bytes()
        assert (tmp_path / "t.json").read_bytes() == (direct / "tracks.json").read_bytes()
        assert summary.frames == 24
        assert summary.people == [
            len({p.person for p in f}) for f in frames_of(tmp_path / "m.jsonl")
        ]
        assert leftovers(tmp_path) == ["m.jsonl", "t.json"]

    def test_rendering_from_them_gives_the_very_same_video(
        self, direct: Path, clip: Path, tmp_path: Path
    ) -> None:
        output, report = tmp_path / "out.mp4", tmp_path / "report.json"
        masks = direct / "masks.jsonl"
        summary = stream_anon.redact(clip, output, masks=masks, report=report)
        assert output.read_bytes() == (direct / "out.mp4").read_bytes()
        assert summary.notes == []
        record = json.loads(report.read_text())
        assert record["engine"] == {"name": "record of masks", "model_sha256": None}
        assert record["masks"] == {"name": "masks.jsonl", "sha256": HashedFile(masks).sha256}
        assert record["tracks"] is None
        assert record["keyframes"] == 0

    def test_a_rule_holds_for_what_another_package_has_found(
        self, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(registry, "plugins", lambda: {plates.ROW.name: plates.ROW})
        masks = tmp_path / "plates.jsonl"
        # Masks that overlap are drawn in another order with rules, and rounded otherwise.
        work_out(clip, masks, settings={"parsing.effort": "fast"})
        masks.write_text(masks.read_text().replace('"face"', '"plate"'))
        rules = {"redaction.rules": {"plate": {"method": "fill"}, "hair": {"method": "fill"}}}
        summary = stream_anon.redact(clip, tmp_path / "1.mp4", masks=masks, settings=rules)
        assert summary.notes == ["the rule for hair had no effect: no mask has it"]
        filled = {"redaction.method": "fill"}
        stream_anon.redact(clip, tmp_path / "2.mp4", masks=masks, settings=filled)
        assert (tmp_path / "1.mp4").read_bytes() == (tmp_path / "2.mp4").read_bytes()

    def test_so_it_is_with_body_parts(self, tiny_m2fp: Path, clip: Path, tmp_path: Path) -> None:
        options: dict[str, Any] = {"scope": "person", "settings": OVER_PARTS}
        masks = tmp_path / "m.jsonl.gz"
        stream_anon.redact(clip, tmp_path / "1.mp4", export_masks=masks, **options)
        labels = {p.label for f in frames_of(masks) for p in f if p.spread > 0}
        assert labels, "there is nothing to compare"
        stream_anon.redact(clip, tmp_path / "2.mp4", masks=masks)
        assert (tmp_path / "1.mp4").read_bytes() == (tmp_path / "2.mp4").read_bytes()

    def test_tracks_exported_from_masks_are_those_of_the_run_that_made_them(
        self, direct: Path, clip: Path, tmp_path: Path
    ) -> None:
        again = tmp_path / "again.jsonl"
        tracks = tmp_path / "t.json"
        work_out(clip, again, masks=direct / "masks.jsonl", export_tracks=tracks)
        assert tracks.read_bytes() == (direct / "tracks.json").read_bytes()
        assert (
            again.read_bytes().splitlines()[1:]
            == (direct / "masks.jsonl").read_bytes().splitlines()[1:]
        )

    def test_edited_tracks_become_masks(self, redacted: Redacted, tmp_path: Path) -> None:
        masks = tmp_path / "m.jsonl"
        work_out(redacted.footage.path, masks, tracks=redacted.tracks)
        assert any(frames_of(masks))

    def test_nothing_is_redacted_and_nothing_encoded(
        self, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def never(*_: object, **__: object) -> None:
            raise AssertionError

        for owner, name in ((Redactor, "__init__"), (Redactor, "redact"), (MediaSink, "__init__")):
            monkeypatch.setattr(owner, name, never)
        assert work_out(clip, tmp_path / "m.jsonl").frames == 24


def frames_of(masks: Path) -> list[tuple[Any, ...]]:
    file, reader = open_masks(masks)
    with file:
        return [f.parts for f in reader.frames() if not isinstance(f.parts, Unknown)]


class TestFailingClosed:
    def test_masks_of_another_input_are_refused(
        self, direct: Path, redacted: Redacted, clip: Path, tmp_path: Path
    ) -> None:
        other = tmp_path / "other.mp4"
        other.write_bytes(clip.read_bytes() + b"\0")
        with pytest.raises(ConfigError, match=r"computed from another file than other\.mp4"):
            stream_anon.redact(other, tmp_path / "out.mp4", masks=direct / "masks.jsonl")
        assert leftovers(tmp_path, other) == []

    def test_masks_are_not_applied_to_an_input_that_changes_meanwhile(
        self, direct: Path, clip: Path, tmp_path: Path
    ) -> None:
        source = tmp_path / "in.mp4"
        source.write_bytes(clip.read_bytes())
        with pytest.raises(SourceError, match=r"changed while it was read, and the masks may no"):
            stream_anon.redact(
                source, tmp_path / "out.mp4", masks=direct / "masks.jsonl",
                on_progress=lambda _: source.touch(),
            )  # fmt: skip
        assert leftovers(tmp_path, source) == []

    def test_a_record_that_is_cut_off_hides_the_rest(
        self, direct: Path, clip: Path, tmp_path: Path
    ) -> None:
        lines = (direct / "masks.jsonl").read_bytes().splitlines(keepends=True)
        cut = tmp_path / "cut.jsonl"
        cut.write_bytes(b"".join(lines[:-8])[:-5])
        summary = stream_anon.redact(clip, tmp_path / "out.mp4", masks=cut)
        assert summary.hidden_whole == {Unknown.NOT_IN_TRACKS.value: 8}
        assert any("cut.jsonl is truncated" in note for note in summary.notes)

    def test_damage_in_the_record_ends_the_run_without_an_output(
        self, direct: Path, clip: Path, tmp_path: Path
    ) -> None:
        bad = tmp_path / "bad.jsonl"
        data = (direct / "masks.jsonl").read_bytes()
        bad.write_bytes(data.replace(b'"frame":20', b'"frame":"20"'))
        with pytest.raises(ConfigError, match=r"bad\.jsonl, line \d+: '20' is not a whole number"):
            stream_anon.redact(clip, tmp_path / "out.mp4", masks=bad)
        assert leftovers(tmp_path, bad) == []

    def test_a_run_that_fails_leaves_no_record(
        self, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fails(*_: object) -> list[object]:
            raise ParserError("the parser failed")

        monkeypatch.setattr("stream_anon.detectors.centerface.CenterFace.parse", fails)
        with pytest.raises(ParserError):
            work_out(clip, tmp_path / "m.jsonl", export_tracks=tmp_path / "t.json")
        assert leftovers(tmp_path) == []

    def test_a_full_disk_is_said_to_be_full(
        self, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(MasksWriter, "write", full)
        with pytest.raises(SinkError, match=r"no space left while writing .*m\.jsonl"):
            work_out(clip, tmp_path / "m.jsonl")
        assert leftovers(tmp_path) == []

    def test_an_existing_record_stays(self, clip: Path, tmp_path: Path) -> None:
        masks = tmp_path / "m.jsonl"
        masks.write_text("precious")
        with pytest.raises(OutputExistsError):
            work_out(clip, masks)
        assert masks.read_text() == "precious"
        work_out(clip, masks, overwrite=True)
        assert end_of(masks)["end"] == 24

    @pytest.mark.parametrize("name", ["m.jsonl", "m.jsonl.gz"])
    def test_what_a_killed_run_would_leave_can_be_read(
        self, name: str, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(masks_file, "FLUSH", 10)
        found: list[tuple[object, int]] = []

        def look(summary: Summary) -> None:
            file, reader = open_masks(tmp_path / f"{name}.part")
            with file:
                found.append((reader.footer, len(list(reader.frames()))))

        work_out(clip, tmp_path / name, on_progress=look)
        assert {footer for footer, _ in found} == {None}
        counts = [count for _, count in found]
        assert counts == [index // 10 * 10 for index in range(1, 25)]


class TestTheCommand:
    def test_masks_only_then_masks(
        self, direct: Path, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        masks, output = tmp_path / "m.jsonl.gz", tmp_path / "out.mp4"
        assert cli.run(["redact", str(clip), "--masks-only", str(masks)]) == 0
        assert f"{masks.name}: 24 frames" in capsys.readouterr().out.replace("\n", "")
        assert cli.run(["redact", str(clip), str(output), "--masks", str(masks), "-q"]) == 0
        assert output.read_bytes() == (direct / "out.mp4").read_bytes()

    def test_export_masks_writes_them_beside_the_output(
        self, direct: Path, clip: Path, tmp_path: Path
    ) -> None:
        masks, output = tmp_path / "m.jsonl", tmp_path / "out.mp4"
        assert cli.run(["redact", str(clip), str(output), "--export-masks", str(masks), "-q"]) == 0
        assert masks.read_bytes() == (direct / "masks.jsonl").read_bytes()
        assert output.read_bytes() == (direct / "out.mp4").read_bytes()

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            ([], "--masks-only"),
            (["out.mp4", "--masks-only", "m.jsonl"], "not both"),
            (["--export-masks", "m.jsonl"], "--masks-only"),
            (["--export-masks", "m.jsonl", "--masks-only", "n.jsonl"], "not both"),
            (["out.mp4", "--masks", "m.jsonl", "--tracks", "t.json"], "give one"),
            (["out.mp4", "--masks", "m.jsonl", "--export-masks", "m.jsonl"], "used twice"),
            (["out.mp4", "--export-masks", "out.mp4"], "used twice"),
            (["--masks-only", "t.json", "--export-tracks", "t.json"], "used twice"),
            (["out.mp4", "--masks", "gone.jsonl"], "cannot read the record of masks"),
        ],
        ids=str,
    )
    def test_what_makes_no_sense_is_code_2(
        self,
        arguments: list[str],
        told: str,
        clip: Path,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.chdir(tmp_path)
        assert cli.run(["redact", str(clip), *arguments]) == 2
        assert told in " ".join(capsys.readouterr().err.split())
        assert leftovers(tmp_path) == []

    def test_nothing_to_write_is_refused_from_python_too(self, clip: Path) -> None:
        with pytest.raises(ConfigError, match="nothing to write"):
            stream_anon.redact(clip, None)
