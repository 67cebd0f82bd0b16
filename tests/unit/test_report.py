"""What a run says about itself: the right counts, no pictures, whole files or none."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from stream_anon.config import Redaction, load_settings
from stream_anon.core.files import HashedFile, JsonFile, publish
from stream_anon.core.frame import ColorTags
from stream_anon.core.parts import Box, Part
from stream_anon.core.redacted import MaskedFrame, Unknown
from stream_anon.errors import DiskFullError, SinkError
from stream_anon.pipeline.excerpt import Selection
from stream_anon.pipeline.report import Summary, report_record
from stream_anon.redaction.redactor import Redactor
from tests.stubs import face, make_frame

LEFT, RIGHT = Box(10, 10, 30, 30), Box(70, 10, 30, 30)


def write_json(path: Path, text: str = "{}", *, overwrite: bool = False) -> None:
    file = JsonFile(path, overwrite=overwrite)
    try:
        file.prepare([text])
        publish(file.file)
    finally:
        file.discard()


def counted(*parts: tuple[Part, ...] | Unknown, is_keyframe: bool = False) -> Summary:
    summary = Summary()
    redactor = Redactor(Redaction(), ColorTags())
    for index, what in enumerate(parts):
        masked = MaskedFrame(
            make_frame(index=index), what, is_keyframe=is_keyframe and index % 2 == 0
        )
        summary.count(masked, redactor.redact(masked))
    return summary


class TestSummary:
    def test_people_are_counted_not_parts(self) -> None:
        eyes = face(Box(15, 15, 20, 8), label="eyes")
        two = (face(LEFT), eyes, face(RIGHT, person=1))
        summary = counted((face(LEFT), eyes), two, ())
        assert summary.people == [1, 2, 0]
        assert summary.frames == 3

    def test_hidden_now_is_that_of_the_last_frame(self) -> None:
        assert counted((), (face(LEFT),)).hidden_now == 1
        assert counted((face(LEFT),), ()).hidden_now == 0
        assert counted((face(LEFT),), Unknown.CORRUPT).hidden_now == 0
        assert Summary().hidden_now == 0

    def test_frames_hidden_whole_are_counted_by_reason(self) -> None:
        summary = counted((), Unknown.CORRUPT, Unknown.NOT_IN_TRACKS, Unknown.CORRUPT)
        assert summary.hidden_whole == {
            Unknown.CORRUPT.value: 2,
            Unknown.NOT_IN_TRACKS.value: 1,
        }
        assert summary.people == [0, -1, -1, -1]

    def test_looks_are_counted(self) -> None:
        assert counted((), (), (), is_keyframe=True).keyframes == 2
        assert counted((), (), ()).keyframes == 0

    @pytest.mark.parametrize(
        "change",
        [{"lost_frames": 1}, {"lost_packets": 1}, {"hidden_whole": {Unknown.CORRUPT.value: 1}}],
        ids=str,
    )
    def test_what_could_not_be_decoded_makes_it_incomplete(self, change: dict[str, Any]) -> None:
        summary = counted((), (face(LEFT),))
        assert summary.complete
        for name, value in change.items():
            current = getattr(summary, name)
            if isinstance(value, dict):
                current.update(value)
            else:
                setattr(summary, name, value)
        assert not summary.complete

    def test_speed_is_frames_over_seconds(self) -> None:
        assert Summary(frames=50, seconds=2.0).fps == 25
        assert Summary().fps == 0

    def test_to_dict_is_json(self) -> None:
        summary = counted((face(LEFT),), Unknown.CORRUPT)
        summary.lost_frames, summary.lost_reason = 3, "cut off"
        again = json.loads(json.dumps(summary.to_dict()))
        assert again["frames"] == 2
        assert again["people_per_frame"] == [1, -1]
        assert again["frames_hidden_whole"] == {Unknown.CORRUPT.value: 1}
        assert again["lost"] == {"frames": 3, "packets": 0, "reason": "cut off"}


class TestRecord:
    def record(self, folder: Path, **changes: Any) -> dict[str, Any]:
        source = folder / "in.mp4"
        source.write_bytes(b"video")
        options = {"engine": "stub", "model_hash": "ab" * 32, **changes}
        settings = load_settings(None, {"redaction.scope": "head"})
        made = report_record(
            counted((face(LEFT),)),
            settings,
            HashedFile(source),
            selection=Selection(),
            promises={"blur": "reads nothing"},
            **options,
        )
        return dict(json.loads(json.dumps(made)))

    def test_says_what_went_in_and_what_worked_on_it(self, tmp_path: Path) -> None:
        record = self.record(tmp_path)
        assert record["input"] == {
            "name": "in.mp4",
            "sha256": hashlib.sha256(b"video").hexdigest(),
        }
        assert record["engine"]["name"] == "stub"
        assert record["engine"]["model_sha256"] == "ab" * 32
        assert record["settings"]["redaction"]["scope"] == "head"
        assert set(record["settings"]) == set(load_settings().model_dump())
        assert record["frames"] == 1

    def test_tells_no_folder_names(self, tmp_path: Path) -> None:
        assert str(tmp_path) not in json.dumps(self.record(tmp_path))


class TestHashedFile:
    def test_its_hash_is_sha256(self, tmp_path: Path) -> None:
        path = tmp_path / "big"
        content = bytes(range(256)) * 5000
        path.write_bytes(content)
        file = HashedFile(path)
        assert file.sha256 == file.final_hash() == hashlib.sha256(content).hexdigest()
        assert not file.changed

    @pytest.mark.parametrize("hashed_before", [True, False])
    @pytest.mark.parametrize("how", ["longer", "as long", "another file", "gone"])
    def test_one_that_changed_has_none(self, how: str, hashed_before: bool, tmp_path: Path) -> None:
        path = tmp_path / "in.mp4"
        path.write_bytes(b"video")
        os.utime(path, ns=(0, 0))
        file = HashedFile(path)
        if hashed_before:
            assert file.sha256
        if how == "gone":
            path.unlink()
        elif how == "another file":
            (tmp_path / "other").write_bytes(b"other")
            os.utime(tmp_path / "other", ns=(0, 0))
            (tmp_path / "other").replace(path)
        else:
            path.write_bytes(b"a longer one" if how == "longer" else b"other")
        assert file.changed
        assert file.final_hash() is None


class TestFiles:
    def test_a_file_is_written_whole_under_its_name(self, tmp_path: Path) -> None:
        write_json(tmp_path / "a.json", '{"a": [1, 2]}')
        assert json.loads((tmp_path / "a.json").read_text()) == {"a": [1, 2]}
        assert [path.name for path in tmp_path.iterdir()] == ["a.json"]

    def test_it_shows_under_its_name_only_when_published(self, tmp_path: Path) -> None:
        file = JsonFile(tmp_path / "a.json", overwrite=True)
        file.prepare(['{"a":', " 1}"])
        assert not (tmp_path / "a.json").exists()
        publish(file.file)
        assert (tmp_path / "a.json").exists()

    def test_what_is_discarded_leaves_nothing_and_an_older_one_alone(self, tmp_path: Path) -> None:
        (tmp_path / "a.json").write_text("old")
        file = JsonFile(tmp_path / "a.json", overwrite=True)
        file.prepare(['{"a":', " 1}"])
        file.discard()
        file.discard()
        assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
        assert (tmp_path / "a.json").read_text() == "old"

    def test_a_missing_folder_is_a_sink_error(self, tmp_path: Path) -> None:
        with pytest.raises(SinkError, match=r"cannot write .*a\.json: no such file"):
            write_json(tmp_path / "gone" / "a.json")

    def test_a_folder_in_its_place_is_a_sink_error_and_leaves_no_rest(self, tmp_path: Path) -> None:
        (tmp_path / "a.json").mkdir()
        with pytest.raises(SinkError, match="is a folder"):
            write_json(tmp_path / "a.json", overwrite=True)
        assert [path.name for path in tmp_path.iterdir()] == ["a.json"]

    def test_a_full_disk_is_said_to_be_full(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_args: object, **_kw: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(Path, "open", full)
        with pytest.raises(DiskFullError, match="no space left"):
            write_json(tmp_path / "a.json")
        assert list(tmp_path.iterdir()) == []
