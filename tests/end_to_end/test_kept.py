"""Metadata: what was asked for comes along in its own form, and nothing else ever does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import av
import pytest
from av.sidedata.sidedata import Type

import stream_anon
from stream_anon.core.kept import Projection
from stream_anon.errors import ConfigError
from stream_anon.sources.decoding.kept import projection_of
from stream_anon.sources.decoding.orientation import side_data_of
from tests.media import FRAMES, Tone, pictures, shown, write
from tests.patterns import number_shown

if TYPE_CHECKING:
    from pathlib import Path

TAGS = {
    "creation_time": "2024-05-06T07:08:09Z",
    "location": "+48.8584+002.2945/",
    "timecode": "01:02:03:04",
}
PRIVATE = {
    "make": "Private maker", "model": "Private model", "software": "Private software",
    "comment": "Private comment", "title": "Private title", "artist": "Private artist",
    "com.apple.quicktime.model": "Private phone",
}  # fmt: skip
LISTS = {
    "none": set[str](),
    "date": {"creation_time"},
    "gps": {"location"},
    "timecode": {"timecode"},
    "date,gps,timecode": set(TAGS),
}


def full_of_tags(path: Path, **more: str) -> Path:
    return write(
        path, metadata=TAGS | PRIVATE | more, chapters=True, tones=[Tone()],
        container_options={"movflags": "use_metadata_tags"} if path.suffix == ".mov" else {},
    )  # fmt: skip


def tags(path: Path) -> dict[str, str]:
    """Those of `TAGS` that a file has, wherever it has them."""
    with av.open(str(path)) as file:
        assert not file.chapters()
        found = [file.metadata, *(stream.metadata for stream in file.streams)]
    named = {key.lower(): value for each in found for key, value in each.items()}
    return {key: value.replace(".000000Z", "Z") for key, value in named.items() if key in TAGS}


@pytest.mark.parametrize(
    ("before", "after", "audio"),
    [("mov", "mp4", "copy"), ("mkv", "mov", "drop"), ("mov", "mkv", "copy")],
)
@pytest.mark.parametrize("wanted", LISTS)
def test_only_what_was_asked_for_comes_along(
    wanted: str, before: str, after: str, audio: str, tmp_path: Path
) -> None:
    source, output = full_of_tags(tmp_path / f"in.{before}"), tmp_path / f"out.{after}"
    assert tags_anywhere(source) == set(TAGS)
    settings = {"output.keep_metadata": wanted, "output.audio": audio}
    stream_anon.redact(source, output, settings=settings)
    assert tags(output) == {key: TAGS[key] for key in LISTS[wanted]}
    data = output.read_bytes()
    assert b"Private" not in data
    assert b"at home" not in data
    assert [number_shown(picture) for picture in shown(output)] == list(range(FRAMES))


def tags_anywhere(path: Path) -> set[str]:
    with av.open(str(path)) as file:
        found = [file.metadata, *(stream.metadata for stream in file.streams)]
    return {key.lower() for each in found for key in each} & set(TAGS)


def test_nothing_is_kept_by_default(tmp_path: Path) -> None:
    stream_anon.redact(full_of_tags(tmp_path / "in.mov"), tmp_path / "out.mp4")
    assert tags(tmp_path / "out.mp4") == {}


@pytest.mark.parametrize(
    ("tag", "text"),
    [
        ("creation_time", "2024-05-06T07:08:09Z, by Jane Private"),
        ("location", "Private street 12"),
        ("timecode", "01:02:03:04 Private"),
    ],
)
def test_other_text_does_not_come_along_under_their_names(
    tag: str, text: str, tmp_path: Path
) -> None:
    source = write(tmp_path / "in.mkv", metadata={tag: text})
    settings = {"output.keep_metadata": "date,gps,timecode"}
    stream_anon.redact(source, tmp_path / "out.mkv", settings=settings)
    assert tags(tmp_path / "out.mkv") == {}
    assert b"Private" not in (tmp_path / "out.mkv").read_bytes()


def test_a_container_without_tags_is_noted(tmp_path: Path) -> None:
    source = full_of_tags(tmp_path / "in.mov")
    settings = {"output.keep_metadata": ["date"]}
    summary = stream_anon.redact(source, tmp_path / "out.ts", settings=settings)
    assert any("creation_time" in note for note in summary.notes)


@pytest.mark.parametrize("wrong", ["name", "date,model", ""])
def test_what_cannot_be_kept_is_refused(wrong: str, tmp_path: Path) -> None:
    source = write(tmp_path / "in.mp4")
    with pytest.raises(ConfigError, match="keep_metadata"):
        stream_anon.redact(source, tmp_path / "out.mp4", settings={"output.keep_metadata": wrong})


# -- 360 degrees ------------------------------------------------------------------------------

UUID = bytes.fromhex("ffcc8263f8554a938814587a02521fdd")


def spherical(path: Path, stereo: str = "", **more: Any) -> Path:
    """360-degree video as cameras write it, with more in its description than is needed."""
    xml = (
        '<?xml version="1.0"?><rdf:SphericalVideo xmlns:GSpherical='
        '"http://ns.google.com/videos/1.0/spherical/"><GSpherical:Spherical>true'
        "</GSpherical:Spherical><GSpherical:Stitched>true</GSpherical:Stitched>"
        "<GSpherical:StitchingSoftware>Private camera</GSpherical:StitchingSoftware>"
        "<GSpherical:ProjectionType>equirectangular</GSpherical:ProjectionType>"
    )
    if stereo:
        xml += f"<GSpherical:StereoMode>{stereo}</GSpherical:StereoMode>"
    payload = UUID + (xml + "</rdf:SphericalVideo>").encode()
    more_bytes = (len(payload) + 8).to_bytes(4, "big") + b"uuid" + payload
    data = bytearray(write(path, **more).read_bytes())
    trak = data.index(b"trak") - 4
    end = trak + int.from_bytes(data[trak : trak + 4], "big")
    for at in (trak, data.index(b"moov") - 4):  # which stands at the end
        size = int.from_bytes(data[at : at + 4], "big") + len(more_bytes)
        data[at : at + 4] = size.to_bytes(4, "big")
    data[end:end] = more_bytes
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("stereo", "end", "faststart"),
    [
        ("", "mp4", True),
        ("", "mov", True),
        ("top-bottom", "m4v", True),
        ("left-right", "mov", False),
    ],
)
def test_the_projection_is_kept(stereo: str, end: str, faststart: bool, tmp_path: Path) -> None:
    source = spherical(tmp_path / "in.mp4", stereo, tones=[Tone()])
    before = pictures(source)[0]
    assert Type.SPHERICAL in before.side_data, "the test needs 360-degree video"
    output = tmp_path / f"out.{end}"
    settings = {"output.faststart": faststart, "output.audio": "disguise"}
    summary = stream_anon.redact(source, output, settings=settings)
    after = pictures(output)[0]
    assert projection_of(after) == projection_of(before) == Projection("equirectangular", stereo)
    one, other = (side_data_of(picture)[Type.SPHERICAL] for picture in (after, before))
    assert bytes(one) == bytes(other)
    assert [number_shown(picture) for picture in shown(output)] == list(range(FRAMES))
    data = output.read_bytes()
    assert b"Private" not in data
    assert b"-----" not in data
    assert not any("projection" in note for note in summary.notes)
    assert [path.name for path in tmp_path.iterdir() if "part" in path.name] == []


def test_the_projection_is_dropped_if_asked(tmp_path: Path) -> None:
    source = spherical(tmp_path / "in.mp4")
    settings = {"output.keep_metadata": "none"}
    stream_anon.redact(source, tmp_path / "out.mp4", settings=settings)
    assert projection_of(pictures(tmp_path / "out.mp4")[0]) is None
    assert UUID not in (tmp_path / "out.mp4").read_bytes()


def test_a_container_without_projection_is_noted(tmp_path: Path) -> None:
    summary = stream_anon.redact(spherical(tmp_path / "in.mp4"), tmp_path / "out.mkv")
    assert any("360-degree projection was not kept" in note for note in summary.notes)


def test_flat_video_gets_no_projection(tmp_path: Path) -> None:
    summary = stream_anon.redact(write(tmp_path / "in.mp4"), tmp_path / "out.mp4")
    assert summary.notes == []
    assert UUID not in (tmp_path / "out.mp4").read_bytes()
    assert projection_of(pictures(tmp_path / "out.mp4")[0]) is None
