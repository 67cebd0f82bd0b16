"""What every source promises of which a range can be read: the same frames, however reached."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

import av
import pytest

from stream_anon.sources.base import SeekableSource
from stream_anon.sources.decoding.decoder import Decoder
from stream_anon.sources.file import MediaSource
from stream_anon.sources.ranges import FrameRange, TimeRange
from tests.media import GOP, LONG, seconds, write, write_textured

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from stream_anon.core.frame import Frame

pytestmark = pytest.mark.slow

REORDERED = {"preset": "medium"}
OPEN = REORDERED | {"x264-params": f"open-gop=1:scenecut=0:keyint={GOP}:bframes=3"}
OPEN_HEVC = {"x265-params": f"log-level=error:open-gop=1:keyint={GOP}:bframes=4:scenecut=0"}
UNEVEN = [3 * n + n * n // 9 for n in range(LONG)]
KINDS: dict[str, dict[str, Any]] = {
    "plain.mp4": {},
    "reordered.mp4": {"options": REORDERED},
    "reordered.mkv": {"options": REORDERED},
    "reordered.ts": {"options": REORDERED},
    "fragments.mp4": {"container_options": {"movflags": "frag_keyframe+empty_moov"}},
    "open.mp4": {"options": OPEN},
    "open.ts": {"options": OPEN},
    "open-hevc.mkv": {"codec": "libx265", "options": OPEN_HEVC},
    "uneven.mp4": {"pts": UNEVEN, "time_base": Fraction(1, 90), "options": REORDERED},
    "late.mkv": {"pts": range(100, 100 + LONG)},
    "edited.mp4": {"pts": range(-15, LONG - 15), "options": REORDERED},
    "turned.mp4": {"rotation": 90},
    "nine.webm": {"codec": "libvpx-vp9"},
    "eight.webm": {"codec": "libvpx", "options": {"b": "2M", "deadline": "realtime"}},
    "two.ts": {"codec": "mpeg2video", "options": {"bf": "2"}},
    "bottom-up.avi": {"codec": "rawvideo", "pix_fmt": "bgr24"},
    "resized.ts": {},
}
"""Of these, a range is read from the keyframe before it."""
DOUBTFUL: dict[str, dict[str, Any]] = {
    "untimed.h264": {"container": "h264"},
    "refreshed.mkv": {"options": {"x264-params": f"intra-refresh=1:keyint={GOP}"}},
    "interlaced.mkv": {"options": {"x264-params": "tff=1"}},
    "packed.avi": {"codec": "mpeg4"},
    "animation.gif": {"codec": "gif", "pix_fmt": "rgb8"},
    "picture.png": {"frames": 1, "codec": "png", "pix_fmt": "rgb24"},
    "restarted.ts": {},
    "cut-in.mkv": {"options": OPEN},
    "truncated.mkv": {},
    "blank.ts": {},
}
"""These have no keyframe that can be relied on."""
SOURCES: dict[str, Callable[[Path], SeekableSource]] = {"MediaSource": MediaSource}
RANGES = [
    FrameRange(0, 7),
    FrameRange(GOP, 2 * GOP),
    FrameRange(GOP - 1, GOP + 1),
    FrameRange(23, 31),
    FrameRange(41),
    FrameRange(LONG, LONG + 3),
    FrameRange(LONG + GOP),
    FrameRange(34, 36, preroll=6),
    FrameRange(5, 9, preroll=20),
    FrameRange(30, 30),
    FrameRange(1000),
]


def _video(path: Path) -> Path:
    write_textured(path, **(KINDS | DOUBTFUL)[path.name])
    data = bytearray(path.read_bytes())
    if path.name == "truncated.mkv":
        del data[len(data) // 2 :]
    elif path.name == "blank.ts":
        for at in range(20 * 188, len(data) - 188, 41 * 188):
            data[at + 8 : at + 188] = bytes(180)
    elif path.name in ("resized.ts", "restarted.ts"):
        size = (240, 160) if path.name == "resized.ts" else (320, 180)
        pts = range(LONG, LONG + 15) if path.name == "resized.ts" else range(15)
        more = write(path.with_name("more.ts"), frames=15, size=size, pts=pts, gop=GOP)
        data += more.read_bytes()
    path.write_bytes(data)
    if path.name == "resized.ts":  # without the mark of damage where the two were joined
        return _remuxed(path, from_keyframe=0)
    return _remuxed(path, from_keyframe=1) if path.name == "cut-in.mkv" else path


def _remuxed(path: Path, from_keyframe: int) -> Path:
    copy = path.with_name(f"copy-of-{path.name}")
    with av.open(str(path)) as whole, av.open(str(copy), "w") as output:
        video = whole.streams.video[0]
        stream = output.add_stream_from_template(video)
        keyframes = 0
        for packet in whole.demux(video):
            keyframes += packet.is_keyframe
            if keyframes > from_keyframe and packet.size:
                packet.stream = stream
                output.mux(packet)
    return copy


class Read(NamedTuple):
    """What one frame is, in a form to compare. How FFmpeg patches damage depends on its threads."""

    number: int
    pts: int
    time: float
    duration: int | None
    corrupt: bool
    discontinuity: bool
    pixels: str


def _read(frames: Iterable[Frame]) -> list[Read]:
    return [
        Read(
            f.index, f.pts, f.time, f.duration, f.corrupt, f.discontinuity,
            "" if f.corrupt else sha256(b"".join(p.tobytes() for p in f.planes)).hexdigest(),
        )
        for f in frames
    ]  # fmt: skip


class Case(NamedTuple):
    kind: str
    path: Path
    open: Callable[[Path], SeekableSource]
    whole: list[Read]


@pytest.fixture(
    scope="module",
    params=[(name, kind) for name in SOURCES for kind in (*KINDS, *DOUBTFUL)],
    ids="-".join,
)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    name, kind = request.param
    path = _video(tmp_path_factory.mktemp("video") / kind)
    source = SOURCES[name](path)
    whole = _read(source.frames())
    source.close()
    if kind == "resized.ts":
        assert [read.number for read in whole if read.discontinuity] == [LONG], "no test"
    assert len(whole) >= (1 if kind == "picture.png" else 15)
    return Case(kind, path, SOURCES[name], whole)


def test_a_range_is_a_slice_of_the_whole(case: Case) -> None:
    source = case.open(case.path)
    for wanted in RANGES:
        source.seek(wanted)
        first = max(0, wanted.start - wanted.preroll)
        assert _read(source.frames()) == case.whole[first : wanted.end], wanted
        assert not source.losses or case.kind in DOUBTFUL
    source.close()


def test_a_range_in_seconds_has_the_frames_shown_in_it(case: Case) -> None:
    source = case.open(case.path)
    times = [read.time for read in case.whole]
    start, end = times[len(times) // 3], times[2 * len(times) // 3] - 0.001
    for preroll in (0, 0.1):
        source.seek(TimeRange(start - 0.001, end, preroll))
        wanted = [read for read in case.whole if start - 0.001 - preroll <= read.time < end]
        assert _read(source.frames()) == wanted
    source.close()


def test_after_part_of_a_range_everything_can_be_read(case: Case) -> None:
    source = case.open(case.path)
    source.seek(FrameRange(12, 40))
    kept = next(source.frames(), None)
    source.seek(None)
    assert _read(source.frames()) == case.whole
    assert kept is None or _read([kept]) == case.whole[12:13]
    source.close()


# -- files ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [*KINDS, *DOUBTFUL])
def test_only_what_is_certain_is_in_the_index(kind: str, tmp_path: Path) -> None:
    source = MediaSource(_video(tmp_path / kind))
    index = source.index
    assert source.index is index, "it is built once"
    if kind in DOUBTFUL:
        assert len(index.keyframes) < 2
        assert index.unusable or kind in {"picture.png", "refreshed.mkv"}
    else:
        assert index.unusable is None
        assert len(index.keyframes) >= 3
        whole = list(source.frames())
        assert [whole[keyframe.frame].pts for keyframe in index.keyframes] == [
            keyframe.pts for keyframe in index.keyframes
        ]
        assert list(index.shown) == [frame.pts for frame in whole]
    source.close()


@pytest.mark.parametrize("kind", KINDS)
def test_little_is_decoded_that_is_not_wanted(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = MediaSource(_video(tmp_path / kind))
    source.seek(FrameRange(33, 34))
    decoded: list[int] = []
    real = Decoder.decode

    def decode(self: Decoder, packet: Any) -> list[tuple[av.VideoFrame, bool]]:
        decoded.extend([] if packet.pts is None else [packet.pts])
        return real(self, packet)

    monkeypatch.setattr(Decoder, "decode", decode)
    assert [frame.index for frame in source.frames()] == [33]
    assert min(decoded) > source.index.shown[GOP], "it began at a later keyframe"
    source.close()


def test_open_groups_have_pictures_that_need_the_group_before(tmp_path: Path) -> None:
    for kind in ("open.mp4", "open.ts", "open-hevc.mkv"):
        with av.open(str(_video(tmp_path / kind))) as file:
            packets = [packet for packet in file.demux(video=0) if packet.size]
        number = [n for n, packet in enumerate(packets) if packet.is_keyframe][1]
        keyframe, *later = [seconds(packet) for packet in packets[number:]]
        assert any(time < keyframe for time in later), f"{kind} is no test"


def test_damage_that_only_the_decoder_sees_is_marked_as_in_the_whole(tmp_path: Path) -> None:
    path = write_textured(tmp_path / "hurt.mkv")
    with av.open(str(path)) as file:
        hurt = bytes([p for p in file.demux(video=0) if p.size][2 * GOP + 5])
    data = path.read_bytes()
    at = data.index(hurt)
    path.write_bytes(data[: at + 40] + bytes([0x55] * 60) + data[at + 100 :])
    source = MediaSource(path)
    whole = _read(source.frames())
    assert source.index.unusable is None
    assert any(read.corrupt for read in whole)
    for start, end in ((2 * GOP + 2, 3 * GOP + 5), (3 * GOP + 2, LONG)):
        source.seek(FrameRange(start, end))
        assert _read(source.frames()) == whole[start:end]
    source.close()


def test_a_file_that_is_replaced_meanwhile_is_read_as_it_was(tmp_path: Path) -> None:
    path = write_textured(tmp_path / "in.mp4")
    source = MediaSource(path)
    whole = _read(source.frames())
    source.seek(FrameRange(33, 40))
    assert source.index.unusable is None
    write_textured(tmp_path / "other.mp4", options=REORDERED).replace(path)
    assert _read(source.frames()) == whole[33:40]
    source.close()


def test_a_range_has_an_order() -> None:
    with pytest.raises(ValueError, match="cannot end"):
        FrameRange(5, 4)
    with pytest.raises(ValueError, match="from 0"):
        FrameRange(-1)
    with pytest.raises(ValueError, match="negative"):
        TimeRange(0, 1, preroll=-1)
