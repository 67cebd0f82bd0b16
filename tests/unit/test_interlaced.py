"""Interlaced video comes out as whole pictures, at the same times, with a note."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

import stream_anon
from stream_anon.sources.decoding.interlacing import Deinterlacer
from stream_anon.sources.file import MediaSource
from stream_anon.sources.ranges import FrameRange
from tests.media import write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

pytestmark = pytest.mark.slow

WIDTH, HEIGHT, COUNT = 320, 192, 20
SHIFT = 8
"""Columns that the scene moves between two half pictures."""


def scenes() -> Iterator[NDArray[np.uint8]]:
    """Half pictures of upright stripes that move, woven together."""
    columns = np.arange(WIDTH + 2 * SHIFT * (COUNT + 1))
    stripes = (127 + 90 * np.sin(columns / 6)).astype(np.uint8)
    for number in range(COUNT):
        woven = np.empty((HEIGHT, WIDTH), np.uint8)
        for field in (0, 1):
            at = SHIFT * (2 * number + field)
            woven[field::2] = stripes[at : at + WIDTH]
        yield np.repeat(woven[..., None], 3, axis=2)


def combing(luma: NDArray[np.uint8]) -> float:
    """How much neighbouring rows differ."""
    return float(np.abs(np.diff(luma.astype(int), axis=0)).mean())


@pytest.fixture(scope="module")
def interlaced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("interlaced") / "in.ts"
    return write(
        path, pictures=list(scenes()), frames=COUNT, size=(WIDTH, HEIGHT), gop=5,
        options={"flags": "+ildct+ilme", "x264-params": "tff=1", "bf": "0"},
    )  # fmt: skip


def test_lines_are_not_combed_and_every_frame_keeps_its_time(interlaced: Path) -> None:
    with av.open(str(interlaced)) as file:
        coded = list(file.decode(video=0))
    assert all(picture.interlaced_frame for picture in coded)
    assert combing(np.asarray(coded[5].to_ndarray(format="gray"), np.uint8)) > 20, (
        "the input is combed"
    )
    source = MediaSource(interlaced)
    try:
        frames = list(source.frames())
        assert [frame.pts for frame in frames] == [picture.pts for picture in coded]
        assert max(combing(frame.planes[0]) for frame in frames) < 4
        assert not any(frame.corrupt for frame in frames)
        assert any("interlaced" in note for note in source.notes)
    finally:
        source.close()


def test_ranges_give_the_frames_of_a_full_read(interlaced: Path) -> None:
    source = MediaSource(interlaced)
    try:
        everything = list(source.frames())
        source.seek(FrameRange(12, 16))
        some = list(source.frames())
    finally:
        source.close()
    assert [frame.index for frame in some] == [12, 13, 14, 15]
    for frame in some:
        for one, other in zip(frame.planes, everything[frame.index].planes, strict=True):
            assert np.array_equal(one, other)


def test_the_output_is_progressive_and_the_user_is_told(interlaced: Path, tmp_path: Path) -> None:
    summary = stream_anon.redact(interlaced, tmp_path / "out.mp4")
    assert summary.frames == COUNT
    assert summary.complete
    assert any("deinterlaced" in note for note in summary.notes)
    with av.open(str(tmp_path / "out.mp4")) as file:
        assert not any(picture.interlaced_frame for picture in file.decode(video=0))


def test_progressive_video_passes_as_it_is(tmp_path: Path) -> None:
    path = write(tmp_path / "in.mp4")
    with av.open(str(path)) as file:
        pictures = [(picture, False) for picture in file.decode(video=0)]
    deinterlacer = Deinterlacer()
    passed = list(deinterlacer.whole(pictures))
    assert [id(picture) for picture, _ in passed] == [id(picture) for picture, _ in pictures]
    assert deinterlacer.count == 0


def test_neighbours_of_a_damaged_picture_are_suspect(interlaced: Path) -> None:
    with av.open(str(interlaced)) as file:
        pictures = [(picture, number == 7) for number, picture in enumerate(file.decode(video=0))]
    suspect = [is_suspect for _, is_suspect in Deinterlacer().whole(pictures)]
    assert [number for number, is_suspect in enumerate(suspect) if is_suspect] == [6, 7, 8]


def test_another_size_in_the_middle_loses_no_picture(tmp_path: Path, interlaced: Path) -> None:
    small = write(
        tmp_path / "2.ts", frames=6, size=(160, 96), options={"flags": "+ildct+ilme", "bf": "0"}
    )
    path = tmp_path / "in.ts"
    path.write_bytes(interlaced.read_bytes() + small.read_bytes())
    source = MediaSource(path)
    try:
        frames = list(source.frames())
    finally:
        source.close()
    assert len(frames) == COUNT + 6
    assert {frame.planes[0].shape for frame in frames} == {(HEIGHT, WIDTH)}
    assert any("size changes" in note for note in source.notes)
    assert frames[0].time_base == Fraction(1, 90_000)
