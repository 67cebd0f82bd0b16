"""An input is one file: whatever it says and whatever it is called, no other file is read."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
from av.format import ContainerFormat, formats_available
from known_faces import audit

import stream_anon
from stream_anon import SourceError
from stream_anon.core.demuxers import SELF_CONTAINED, STREAMED, open_file
from stream_anon.sources.file import MediaSource
from tests.feeds import Feed
from tests.live_sources import opening_error
from tests.media import pictures, shown, write
from tests.refusals import refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.feeds import Step

PACKAGE = Path(stream_anon.__file__).parent
GRAY, WHITE = np.full((180, 320, 3), 90, np.uint8), np.full((180, 320, 3), 255, np.uint8)
PLAYLIST = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n"
LISTS = {
    "ffconcat": "ffconcat version 1.0\nfile sibling.ts\n",
    "ffconcat after blank lines": "\n \nffconcat version 1.0\nfile sibling.ts\n",
    "hls": PLAYLIST.format("sibling.ts"),
    "hls with a mark": "\ufeff" + PLAYLIST.format("sibling.ts"),
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>',
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
}


@pytest.fixture
def sibling(tmp_path: Path) -> Path:
    return write(tmp_path / "sibling.ts", frames=5)


@pytest.mark.parametrize("name", ["visit.mp4", "visit.m3u8", "visit.ffconcat", "visit.sdp"])
@pytest.mark.parametrize("kind", LISTS)
def test_a_list_is_refused_whatever_it_is_called(
    kind: str, name: str, sibling: Path, tmp_path: Path
) -> None:
    assert sibling.exists()
    source = tmp_path / name
    source.write_text(LISTS[kind])
    message = refused(SourceError, 3, source, tmp_path / "out.mp4")
    assert name in message
    assert "names other files" in message


def test_a_list_that_does_not_look_like_one_is_refused_by_its_format(
    sibling: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sibling.exists()
    source = tmp_path / "visit.mp4"
    source.write_text(LISTS["ffconcat"])
    monkeypatch.setattr("stream_anon.sources.decoding.opening.is_list", lambda _: False)
    message = refused(SourceError, 3, source, tmp_path / "out.mp4")
    assert "may read other files" in message


def test_nobody_else_opens_a_list_either(sibling: Path, tmp_path: Path) -> None:
    source = tmp_path / "visit.mp4"
    source.write_text(LISTS["ffconcat"])
    with pytest.raises(av.error.FFmpegError):
        open_file(source)
    with pytest.raises(SourceError):
        audit(source, source, [])
    assert "names other files" in opening_error(str(source), pace=True)
    with open_file(sibling) as opened:
        assert opened.streams.video


# -- names --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["visit%d.png", "visit%01d.png", "visit*.png", "visit%*.png",
                                  "visit[1].png", "visit?.png", "visit{1,2}.png"])  # fmt: skip
def test_a_name_is_no_pattern(name: str, tmp_path: Path) -> None:
    for number in (1, 2):
        other = tmp_path / f"visit{number}.png"
        write(other, frames=1, codec="png", pix_fmt="rgb24", pictures=[WHITE])
    made = write(tmp_path / "x.png", frames=1, codec="png", pix_fmt="rgb24", pictures=[GRAY])
    source = made.rename(tmp_path / name)
    summary = stream_anon.redact(source, tmp_path / "out.png")
    assert summary.frames == 1
    (picture,) = shown(tmp_path / "out.png")
    assert abs(int(picture.mean()) - 90) < 5


@pytest.mark.parametrize("name", ["visit%d.png", "visit*.png"])
def test_a_pattern_without_a_file_of_its_name_is_a_missing_file(name: str, tmp_path: Path) -> None:
    made = write(tmp_path / "x.png", frames=1, codec="png", pix_fmt="rgb24", pictures=[WHITE])
    made.rename(tmp_path / "visit1.png")
    assert "does not exist" in refused(SourceError, 3, tmp_path / name, tmp_path / "out.png")


def test_planes_beside_a_file_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "visit.Y").write_bytes(bytes([128]) * 352 * 288)
    for plane in "UV":
        (tmp_path / f"visit.{plane}").write_bytes(bytes([200]) * (352 * 288 // 4))
    with pytest.raises(av.error.FFmpegError):
        open_file(tmp_path / "visit.Y")


@pytest.mark.parametrize(
    "name", ["a:b.mp4", "concat:x.mp4", "subfile,,start,0,end,0,,:x.mp4", "data:,x.mp4", "#1?.mp4",
             "with blank %20.mp4", "file:x.mp4"],
)  # fmt: skip
def test_a_name_is_no_address(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "made.mp4", frames=3).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    stream_anon.redact(name, "out.mp4")
    assert len(pictures(tmp_path / "out.mp4")) == 3


def test_a_link_to_a_video_is_that_video(sibling: Path, tmp_path: Path) -> None:
    (tmp_path / "link.ts").symlink_to(sibling)
    assert stream_anon.redact(tmp_path / "link.ts", tmp_path / "out.mp4").frames == 5


# -- ordinary formats -----------------------------------------------------------------------------

ORDINARY: dict[str, dict[str, Any]] = {
    "in.mp4": {}, "in.mov": {}, "in.mkv": {}, "in.avi": {}, "in.ts": {}, "in.flv": {},
    "in.webm": {"codec": "libvpx-vp9"}, "in.mpg": {"codec": "mpeg2video", "container": "mpeg"},
    "in.vob": {"codec": "mpeg2video", "container": "vob"},
    "in.gif": {"codec": "gif", "pix_fmt": "rgb8"}, "in.h264": {"container": "h264"},
    "in.hevc": {"codec": "libx265", "container": "hevc"},
    "in.mjpeg": {"codec": "mjpeg", "container": "mjpeg", "pix_fmt": "yuvj420p"},
    "in.y4m": {"codec": "rawvideo", "container": "yuv4mpegpipe"},
    "in.wmv": {"codec": "wmv2", "container": "asf"}, "in.mxf": {"codec": "mpeg2video"},
    "in.nut": {}, "in.ogv": {"codec": "libvpx", "container": "ogg"}, "in.3gp": {"container": "3gp"},
    "in.ivf": {"codec": "libvpx-vp9"}, "in.obu": {"codec": "libsvtav1", "container": "obu"},
    "in.apng": {"codec": "apng", "pix_fmt": "rgb24"},
    "in.png": {"codec": "png", "pix_fmt": "rgb24"},
    "in.jpg": {"codec": "mjpeg", "pix_fmt": "yuvj420p"},
    "in.bmp": {"codec": "bmp", "pix_fmt": "bgr24"}, "in.tiff": {"codec": "tiff"},
    "in.webp": {"codec": "libwebp", "container": "webp"},
    "in.tga": {"codec": "targa", "pix_fmt": "bgr24"},
    "in.ppm": {"codec": "ppm", "pix_fmt": "rgb24"}, "in.jp2": {"codec": "jpeg2000"},
    "in.sgi": {"codec": "sgi", "pix_fmt": "rgb24"}, "in.dpx": {"codec": "dpx", "pix_fmt": "rgb24"},
    "in.qoi": {"codec": "qoi", "pix_fmt": "rgb24"},
    "in.exr": {"codec": "exr", "pix_fmt": "gbrpf32le"},
}  # fmt: skip


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_formats_open(name: str, tmp_path: Path) -> None:
    path = write(tmp_path / name, **{"frames": 1, **ORDINARY[name]})
    source = MediaSource(path)
    try:
        assert (source.info.width, source.info.height) == (320, 180)
        assert len(list(source.frames())) == 1
    finally:
        source.close()


OTHERS = {
    "alsa", "fbdev", "kmsgrab", "lavfi", "oss", "video4linux2", "x11grab", "avfoundation", "dshow",
    "gdigrab", "vfwcap", "rtp", "rtsp", "sap", "sdp", "hls", "dash", "imf", "concat", "mlv",
    "image2",
    "vobsub", "webm_dash_manifest", "svg_pipe", "data", "ffmetadata",
    "aqtitle", "ass", "jacosub", "lrc", "mcc", "microdvd", "mpl2", "mpsub", "pjs", "rcwt",
    "realtext", "sami", "sbg", "scc", "srt", "stl", "subviewer", "subviewer1", "sup", "tedcaptions",
    "vplayer", "webvtt",
}  # fmt: skip
"""What reads other files, devices or networks; what depends on its name (image2); and text."""


def test_it_is_decided_of_each_demuxer_whether_it_may_read_an_input() -> None:
    known: set[str] = set()
    for name in formats_available:
        try:
            known.add(ContainerFormat(name, "r").name.split(",")[0])
        except ValueError:  # writes only
            continue
    aliases = {"3g2", "3gp", "mp4", "webm"}
    assert len(known) > 200
    assert known - SELF_CONTAINED - OTHERS - aliases == set()
    assert SELF_CONTAINED.isdisjoint(OTHERS)
    assert STREAMED.isdisjoint({"concat", "sdp", "image2", "mlv", "lavfi"})


def test_ffmpeg_opens_files_for_reading_in_one_place_only() -> None:
    found: dict[str, int] = {}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or ast.unparse(node.func) != "av.open":
                continue
            if "'w'" not in [ast.unparse(argument) for argument in node.args]:
                found[path.relative_to(PACKAGE).as_posix()] = node.lineno
    assert set(found) == {"core/demuxers.py", "sources/live/input.py"}  # files, networks


# -- networks -------------------------------------------------------------------------------------


def test_what_a_network_sends_reads_no_file_of_this_machine(sibling: Path) -> None:
    def act() -> Iterator[Step]:
        yield 0.0, PLAYLIST.format(f"file://{sibling}").encode()

    with Feed(act) as feed:
        opening_error(f"{feed.url}/live.m3u8", attempts=2)
        assert feed.clients
