"""What every source of frames promises, whatever it reads."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest

from stream_anon.config import Live
from stream_anon.core.frame import Frame, plane_shapes
from stream_anon.sources.base import Source
from stream_anon.sources.file import MediaSource
from stream_anon.sources.live.source import LiveSource
from stream_anon.sources.registry import parse_source
from tests.media import Tone, write
from tests.patterns import texture
from tests.toys.array_source import ArraySource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.realtime]

FRAMES = 12
KINDS: dict[str, dict[str, Any]] = {
    "plain.mp4": {"frames": FRAMES},
    "reordered.mkv": {"frames": FRAMES, "options": {"preset": "medium"}},
    "odd.webm": {"frames": FRAMES, "codec": "libvpx-vp9", "size": (161, 91)},
    "turned.mp4": {"frames": FRAMES, "rotation": 90},
    "turned-odd.mp4": {"frames": FRAMES, "codec": "libvpx-vp9", "rotation": 270, "size": (161, 91)},
    "uneven.mp4": {"frames": 4, "pts": [7, 8, 11, 31]},
    "untimed.h264": {"frames": FRAMES, "container": "h264"},
    "deep.mp4": {"frames": FRAMES, "pix_fmt": "yuv422p10le"},
    "colors.mkv": {"frames": FRAMES, "codec": "ffv1", "pix_fmt": "bgr0"},
    "gray.mkv": {"frames": FRAMES, "codec": "ffv1", "pix_fmt": "gray"},
    "bottom-up.avi": {"frames": FRAMES, "codec": "rawvideo", "pix_fmt": "bgr24"},
    "full.mp4": {"frames": FRAMES, "full_range": True},
    "sound.mp4": {"frames": FRAMES, "tones": [Tone(seconds=2)]},
    "covered.mp4": {"frames": FRAMES, "cover": True},
    "animation.gif": {"frames": FRAMES, "codec": "gif", "pix_fmt": "rgb8"},
    "picture.png": {"frames": 1, "codec": "png", "pix_fmt": "rgb24"},
    "single.mp4": {"frames": 1},
}
HURT = ("damaged.ts", "truncated.mkv", "resized.ts", "restarted.ts")
ARRAY = "array.npy"
PLAYED = ("plain.mp4", "odd.webm", "turned-odd.mp4", "deep.mp4", "single.mp4", *HURT)
"""What is played at its own pace too: that takes its time."""


def _played(path: Path) -> Source:
    settings = Live()
    source = LiveSource(parse_source(str(path), pace=True, settings=settings), settings)
    source.connect()
    return source


SOURCES: dict[str, Callable[[Path], Source]] = {
    "MediaSource": MediaSource,
    "LiveSource": _played,
    "ArraySource": ArraySource,
}
CASES = [("MediaSource", kind) for kind in (*KINDS, *HURT)]
CASES += [("LiveSource", kind) for kind in PLAYED]
CASES += [("ArraySource", ARRAY)]


def _video(folder: Path, kind: str) -> Path:
    path = folder / kind
    if kind == ARRAY:
        np.save(path, np.array([texture(n)[..., 0] for n in range(FRAMES)]))
        return path
    if kind in KINDS:
        return write(path, **KINDS[kind])
    plain: dict[str, Any] = {"frames": 50, "pictures": [texture(n) for n in range(50)], "gop": 10}
    data = bytearray(write(path, **plain).read_bytes())
    if kind == "damaged.ts":
        for at in range(20 * 188, len(data) - 188, 41 * 188):
            data[at + 8 : at + 188] = bytes(180)
    elif kind == "truncated.mkv":
        del data[len(data) // 2 :]
    else:
        size = (240, 160) if kind == "resized.ts" else (320, 180)
        data += write(folder / "more.ts", frames=10, size=size).read_bytes()
    path.write_bytes(data)
    return path


@pytest.fixture(scope="module", params=[*KINDS, *HURT])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Read(NamedTuple):
    """A source that was read to its end."""

    kind: str
    source: Source
    frames: list[Frame]


@pytest.fixture(scope="module", params=CASES, ids="-".join)
def read(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Read]:
    backend, kind = request.param
    opened = SOURCES[backend](_video(tmp_path_factory.mktemp("video"), kind))
    yield Read(kind, opened, list(opened.frames()))
    opened.close()


@pytest.fixture(scope="module")
def source(read: Read) -> Source:
    return read.source


@pytest.fixture(scope="module")
def frames(read: Read) -> list[Frame]:
    return read.frames


def test_indices_count_from_zero_without_gaps(frames: list[Frame]) -> None:
    assert [frame.index for frame in frames] == list(range(len(frames)))


def test_every_frame_arrives(read: Read) -> None:
    kind, frames = read.kind, read.frames
    expected = {
        "truncated.mkv": range(15, 49),
        "damaged.ts": range(30, 60),
        ARRAY: (FRAMES,),
    }
    if kind in KINDS:
        assert len(frames) == KINDS[kind]["frames"]
    else:
        assert len(frames) in expected.get(kind, (60,))


def test_times_strictly_increase(frames: list[Frame], source: Source) -> None:
    times = [frame.pts for frame in frames]
    assert all(a < b for a, b in pairwise(times))
    assert {frame.time_base for frame in frames} == {source.info.time_base}
    assert all(frame.duration is None or frame.duration > 0 for frame in frames)


def test_all_frames_have_the_size_that_was_told(frames: list[Frame], source: Source) -> None:
    info = source.info
    assert {(frame.width, frame.height) for frame in frames} == {(info.width, info.height)}
    shapes = plane_shapes(info.width, info.height)
    assert all(tuple(plane.shape for plane in frame.planes) == shapes for frame in frames)


def test_planes_are_bytes_that_nobody_can_change(frames: list[Frame]) -> None:
    for frame in frames:
        for plane in frame.planes:
            assert plane.dtype == np.uint8
            with pytest.raises(ValueError, match="read-only"):
                plane[0, 0] = 0


def test_frames_stay_what_they_are_while_more_are_read(kind: str, tmp_path: Path) -> None:
    source = MediaSource(_video(tmp_path, kind))
    kept = [(frame, [plane.copy() for plane in frame.planes]) for frame in source.frames()]
    source.close()
    for frame, copies in kept:
        for plane, copy in zip(frame.planes, copies, strict=True):
            assert np.array_equal(plane, copy)


def test_only_hurt_videos_have_losses_or_corrupt_frames(read: Read) -> None:
    kind, source, frames = read
    hurt = kind in HURT
    assert (bool(source.losses) or any(frame.corrupt for frame in frames)) == hurt
    assert (source.losses.reason is not None) == hurt


def test_a_seam_costs_a_few_frames_only(read: Read) -> None:
    kind, _, frames = read
    if kind in {"resized.ts", "restarted.ts"}:
        assert sum(frame.corrupt for frame in frames) < 10
        assert not any(frame.corrupt for frame in frames[50:])


def test_a_new_size_is_a_discontinuity(read: Read) -> None:
    kind, source, frames = read
    assert frames[0].discontinuity == source.info.live
    marked = [frame.index for frame in frames[1:] if frame.discontinuity]
    assert marked == ([50] if kind == "resized.ts" else [])


def test_losses_are_complete_after_the_last_frame(tmp_path: Path) -> None:
    source = MediaSource(_video(tmp_path, "truncated.mkv"))
    count = sum(1 for _ in source.frames())
    assert source.losses.frames == 50 - count
    source.close()


def test_it_closes_after_one_frame_and_before_any(kind: str, tmp_path: Path) -> None:
    path = _video(tmp_path, kind)
    unread = MediaSource(path)
    unread.close()
    begun = MediaSource(path)
    frame = next(begun.frames())
    begun.close()
    assert frame.planes[0].max() >= 0, "its memory outlives the source"


def _content(frame: Frame) -> list[bytes]:
    """What has to be the same; how FFmpeg patches damage depends on its threads."""
    return [] if frame.corrupt else [plane.tobytes() for plane in frame.planes]


def test_the_same_file_gives_the_same_frames(kind: str, tmp_path: Path) -> None:
    path = _video(tmp_path, kind)
    runs = []
    for _ in range(2):
        source = MediaSource(path)
        runs.append(
            [(f.pts, f.duration, f.corrupt, f.discontinuity, _content(f)) for f in source.frames()]
        )
        source.close()
    assert runs[0] == runs[1]
