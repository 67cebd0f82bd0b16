"""Records of masks that make no sense: each is refused with its line and the reason."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from stream_anon.errors import ConfigError
from stream_anon.masking import masks_file
from stream_anon.masking.masks_file import open_masks
from tests.masks import read_back, short_run, written

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def changed(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        assert old in data
        return data.replace(old, new, 1)

    return change


def head(old: bytes, new: bytes) -> bytes:
    """A record of which the first line is changed."""
    return changed(old, new)(written([]))


FIRST = b'["face",0,0,10.5,20.3,30,40,0,0.9]'


class TestNonsense:
    @pytest.mark.parametrize(
        ("change", "line", "reason"),
        [
            (changed(b'{"frame":1', b'{frame:1'), 4, "not valid JSON from character 2 on"),
            (changed(b'{"frame":1', b'{"frame":0'), 4, "frame 0 comes after frame 0"),
            (changed(b'{"frame":1', b'{"frame":-1'), 4, "frame -1 comes after frame 0"),
            (changed(b'{"frame":1', b'{"frame":1.5'), 4, "1.5 is not a whole number"),
            (changed(b'{"frame":1', b'{"frame":true'), 4, "True is not a whole number"),
            (changed(b'{"frame":0,"pts":0,', b'{"frame":0,'), 3, "it has no 'pts'"),
            (changed(b'"parts":[]', b'"party":[]'), 5, "instead of frame, pts, parts"),
            (changed(b'"parts":[]', b'"parts":[[]]'), 5, "part 1: [] does not have the 9 values"),
            (changed(b'"parts":[]', b'"parts":7'), 5, "parts is 7, and not a list"),
            (changed(FIRST, b'["face",0,9,10.5,20.3,30,40,0,0.9]'), 3, "there is no mask 9"),
            (changed(FIRST, b'["face",0,0,NaN,20.3,30,40,0,0.9]'), 3, "not a number"),
            (changed(FIRST, b'["face",0,0,"x",20.3,30,40,0,0.9]'), 3, "'x' is not a number"),
            (changed(FIRST, b'["face",0,0,1,20.3,0,40,0,0.9]'), 3, "empty box"),
            (changed(FIRST, b'["face",0,0,1,20.3,30,40,-1,0.9]'), 3, "a spread below 0"),
            (changed(FIRST, b'["",0,0,1,20.3,30,40,0,0.9]'), 3, "is not a label"),
            (changed(FIRST, b'["face",0,0,1e999,20.3,30,40,0,0.9]'), 3, "not a number"),
            (changed(FIRST, b'["face",0,0,%d,20.3,30,40,0,1]' % 10**400), 3, "too large"),
            (changed(b'"rows":48', b'"rows":47'), 2, "do not add up to 47 rows of 48"),
            (changed(b'"rows":48', b'"rows":0'), 2, "a mask of 0 rows"),
            (changed(b'"rows":48', b'"rows":99999999999'), 2, "a mask of 99999999999 rows"),
            (changed(b'"mask":0', b'"mask":70000'), 2, "no mask can have the number 70000"),
            (changed(b'"mask":0', b'"musk":0'), 2, "instead of mask, rows"),
            (changed(b'{"end":6', b'{"end":7'), 9, "7 frames were written, but 6 are present"),
            (changed(b'{"end":6', b'{"end":6,"x":1'), 9, "unknown key 'x'"),
            (lambda data: data + data.splitlines(keepends=True)[-1], 10, "there is more after"),
            (lambda data: data + b"[]\n", 10, "there is more after the end"),
            (changed(b'{"frame":1', b"[" * 100_000), 4, "nested too deep"),
            (changed(b'{"frame":1', b'\xff{"frame":1'), 4, "is not UTF-8 text"),
        ],
    )  # fmt: skip
    def test_it_is_told_with_its_line(
        self, change: Callable[[bytes], bytes], line: int, reason: str
    ) -> None:
        data = change(written(short_run()))
        with pytest.raises(ConfigError) as caught:
            list(read_back(data).frames())
        assert str(caught.value).startswith(f"m.jsonl, line {line}: ")
        assert reason in str(caught.value)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (b"", "is empty, or its first line is not whole"),
            (b"\n", "is empty"),
            (b"no", "first line is not whole"),
            (b"no\n", "not valid JSON from character 1 on"),
            (b"[]\n", "not an object"),
            (b"{}\n", "version is missing"),
            (b'{"stream_anon_tracks": 1}\n', "a tracks file.*: use --tracks"),
            (b'{\n "stream_anon_tracks": 1\n}\n', "a tracks file.*: use --tracks"),
            (b"\x1f\x8b\x08", "first line is not whole"),
            (b"\xff\xfe\x00\n", "not valid JSON|not UTF-8"),
            (
                head(b'"stream_anon_masks":1', b'"stream_anon_masks":2'),
                "is 2; this program reads 1",
            ),
            (head(b'"width":128', b'"width":0'), "width is 0: write a number above 0"),
            (head(b'"width":128', b'"width":"128"'), "width is '128': write a whole number"),
            (head(b'"time_base":"1/25"', b'"time_base":"1/0"'), "time_base is '1/0': write two"),
            (head(b'"engine"', b'"engin"'), "engine is missing"),
            (head(b'"width":128', b'"width":128,"wide":1'), "unknown key 'wide'"),
        ],
    )
    def test_what_is_no_record_is_said_to_be_none(
        self, tmp_path: Path, content: bytes, said: str
    ) -> None:
        path = tmp_path / "bad.jsonl"
        path.write_bytes(content)
        with pytest.raises(ConfigError, match=r"bad\.jsonl is not a record of masks: ") as caught:
            open_masks(path)
        assert re.search(said, str(caught.value))
        assert "\n" not in str(caught.value)

    def test_a_missing_one_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"cannot read the record of masks .*gone\.jsonl"):
            open_masks(tmp_path / "gone.jsonl")

    def test_compressed_damage_is_told(self) -> None:
        data = bytearray(written(short_run(50), compress=True))
        data[len(data) // 2] ^= 0xFF
        with pytest.raises(ConfigError, match="the record of masks is damaged"):
            list(read_back(bytes(data)).frames())

    def test_a_line_without_an_end_is_not_read_into_memory(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(masks_file, "MAX_LINE", 1000)
        data = written([]) + b" " * 5000
        with pytest.raises(ConfigError, match="too long"):
            read_back(data)
