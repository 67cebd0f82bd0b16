"""Names with tricks, where they are shown and where they are written."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from stream_anon.core.credentials import printable
from stream_anon.core.files import LONGEST_NAME, HashedFile, PartFile, part_of, publish
from stream_anon.pipeline.report import Summary, _named


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"a b%d.mp4", "a b%d.mp4"),
        ("größe 日本.mp4".encode(), "größe 日本.mp4"),
        (b"two\nlines\t.mp4", r"two\nlines\t.mp4"),
        (b"\x1b[31mred.mp4", r"\x1b[31mred.mp4"),
        (b"\xff\xfe.mp4", r"\xff\xfe.mp4"),
        ("left\u202eright".encode(), r"left\u202eright"),
    ],
)
def test_a_name_is_shown_as_one_line_of_plain_text(name: bytes, shown: str) -> None:
    assert printable(os.fsdecode(name)) == shown


def test_a_report_holds_text_only(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"\xff\n.mp4")
    path.write_bytes(b"video")
    told = json.dumps([_named(HashedFile(path)), Summary(notes=[path.name]).to_dict()])
    assert r"\\xff\\n.mp4" in told
    assert "udcff" not in told


@pytest.mark.parametrize(
    "name", ["x" * 251 + ".mp4", "日" * 83 + ".mp4", "x" * 247 + ".mp4", os.fsdecode(b"\xff" * 250)]
)
def test_the_longest_name_can_be_written(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    assert len(os.fsencode(part_of(path).name)) <= LONGEST_NAME
    file = PartFile(path, overwrite=False)
    file.claim()
    file.part.write_text("done")
    publish(file)
    assert [found.name for found in tmp_path.iterdir()] == [name]


def test_long_names_have_parts_of_their_own(tmp_path: Path) -> None:
    names = [f"{'x' * 250}{number}.mkv" for number in range(2)]
    assert len({part_of(tmp_path / name) for name in names}) == 2
    assert part_of(Path("a.mp4")) == Path("a.mp4.part")
