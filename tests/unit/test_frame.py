"""The types that keep raw pictures inside: who may make what, and what shows."""

from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import stream_anon
from stream_anon.config import Redaction
from stream_anon.core.frame import ColorTags, Frame, StreamInfo, plane_shapes
from stream_anon.core.parts import Box
from stream_anon.core.redacted import (
    _REDACTOR_KEY,
    DebugFrame,
    MaskedFrame,
    RedactedFrame,
    Unknown,
    _RedactorKey,
)
from stream_anon.redaction.redactor import Redactor
from stream_anon.sinks.base import Sink, check_redacted
from stream_anon.sinks.null import NullSink
from tests.stubs import CollectingSink, face, make_frame

PACKAGE = Path(stream_anon.__file__).parent
ROOT = PACKAGE.parent

numbers = st.floats(-1e4, 1e4, allow_nan=False, width=32)
lengths = st.floats(0.5, 1e4, allow_nan=False, width=32)
boxes = st.builds(Box, numbers, numbers, lengths, lengths)


def redacted(frame: Frame) -> RedactedFrame:
    return Redactor(Redaction(), ColorTags()).redact(MaskedFrame(frame, ()))


def _planes_in(buffer: Any) -> Any:
    """Y, U and V of 8x8 pixels, one after the other."""
    return (
        buffer[:64].reshape(8, 8),
        buffer[64:80].reshape(4, 4),
        buffer[80:96].reshape(4, 4),
    )


class TestBox:
    @given(boxes, boxes)
    def test_union_holds_both(self, a: Box, b: Box) -> None:
        both = a.union(b)
        assert both.overlap(a) == pytest.approx(a.area, rel=1e-6, abs=1e-2)
        assert both.overlap(b) == pytest.approx(b.area, rel=1e-6, abs=1e-2)

    @given(boxes, boxes)
    def test_iou_is_symmetric_and_a_share(self, a: Box, b: Box) -> None:
        assert a.iou(b) == pytest.approx(b.iou(a))
        assert 0 <= a.iou(b) <= 1 + 1e-6
        assert a.iou(a) == pytest.approx(1, rel=1e-3)

    def test_boxes_that_only_touch_do_not_overlap(self) -> None:
        assert Box(0, 0, 10, 10).iou(Box(10, 0, 10, 10)) == 0

    def test_half_overlap(self) -> None:
        assert Box(0, 0, 10, 10).iou(Box(5, 0, 10, 10)) == pytest.approx(1 / 3)

    def test_growing_adds_on_each_side(self) -> None:
        assert Box(10, 20, 30, 40).grown(1, 2) == Box(9, 18, 32, 44)

    def test_moving_keeps_the_size(self) -> None:
        moved = Box(10, 20, 30, 40).moved(-5, 7)
        assert moved == Box(5, 27, 30, 40)
        assert moved.center == (20, 47)
        assert moved.size == pytest.approx(1200**0.5)


class TestPictures:
    @pytest.mark.parametrize(("width", "height"), [(1, 1), (16, 16), (17, 15), (1919, 1079)])
    def test_odd_sizes_round_chroma_up(self, width: int, height: int) -> None:
        luma, *chroma = plane_shapes(width, height)
        assert luma == (height, width)
        assert all(2 * rows >= height and 2 * cols >= width for rows, cols in chroma)
        frame = make_frame(width, height)
        assert (frame.width, frame.height) == (width, height)

    @pytest.mark.parametrize(
        "planes",
        [
            [(8, 8), (4, 4)],
            [(8, 8), (8, 8), (8, 8)],
            [(8, 8), (4, 4), (4, 3)],
            [(9, 8), (4, 4), (4, 4)],
            [(8, 8, 3), (4, 4), (4, 4)],
        ],
    )
    def test_planes_that_are_not_420_are_refused(self, planes: list[tuple[int, ...]]) -> None:
        arrays = cast(Any, tuple(np.zeros(shape, np.uint8) for shape in planes))
        with pytest.raises(ValueError, match=r"picture|4:2:0"):
            Frame(arrays, 0, 0, Fraction(1, 25))

    def test_other_depths_are_refused(self) -> None:
        arrays = cast(Any, tuple(np.zeros(s, np.uint16) for s in plane_shapes(8, 8)))
        with pytest.raises(ValueError, match="uint8"):
            Frame(arrays, 0, 0, Fraction(1, 25))

    def test_time_is_in_seconds(self) -> None:
        frame = make_frame(index=3, pts=9000, time_base=Fraction(1, 90_000))
        assert frame.time == pytest.approx(0.1)


class TestOwnership:
    def test_only_the_key_makes_a_redacted_frame(self) -> None:
        masked = MaskedFrame(make_frame(), ())
        stamp = masked.frame.stamp
        copies = cast(Any, tuple(p.copy() for p in masked.frame.planes))
        for key in (None, object(), _RedactorKey()):
            with pytest.raises(TypeError, match="only the redactor"):
                RedactedFrame(cast(Any, key), planes=copies, stamp=stamp, raw=None)
        made = RedactedFrame(_REDACTOR_KEY, planes=copies, stamp=stamp, raw=masked.frame.planes)
        assert made.index == masked.frame.index

    @pytest.mark.parametrize("raw", [0, 1, 2])
    @pytest.mark.parametrize("which", [0, 1, 2])
    def test_no_plane_to_show_lies_in_any_raw_one(self, which: int, raw: int) -> None:
        frame = make_frame()
        planes = [p.copy() for p in frame.planes]
        rows, columns = planes[which].shape
        source = frame.planes[raw]
        if source.size >= rows * columns:
            planes[which] = source[:rows, :columns]  # the corner of a larger plane, or all of one
        else:
            planes[which] = np.lib.stride_tricks.as_strided(source, (rows, columns), (0, 0))
        apart = cast(Any, tuple(planes))
        with pytest.raises(ValueError, match="share memory"):
            RedactedFrame(_REDACTOR_KEY, planes=apart, stamp=frame.stamp, raw=frame.planes)
        with pytest.raises(ValueError, match="share memory"):
            DebugFrame(_REDACTOR_KEY, apart, raw=frame.planes)

    def test_planes_beside_the_raw_ones_in_one_buffer_are_fine(self) -> None:
        frame = make_frame(8, 8)
        buffer = np.zeros((2, 96), np.uint8)
        raw, new = (_planes_in(row) for row in buffer)
        made = RedactedFrame(_REDACTOR_KEY, planes=new, stamp=frame.stamp, raw=raw)
        assert made.width == 8

    def test_nobody_can_derive_from_a_redacted_frame_and_pass_it_on(self) -> None:
        fake: Any = type("Fake", (RedactedFrame,), {})
        with pytest.raises(TypeError):
            check_redacted(fake.__new__(fake))

    def test_only_the_redactor_knows_the_key(self) -> None:
        users = {
            str(path.relative_to(PACKAGE))
            for path in PACKAGE.rglob("*.py")
            if "REDACTOR_KEY" in path.read_text(encoding="utf-8")
            or "_RedactorKey" in path.read_text(encoding="utf-8")
        }
        # The second one opens what the first has made, in a process without raw pictures.
        assert users == {"core/redacted.py", "redaction/redactor.py", "sinks/process/transport.py"}

    def test_times_come_through_redaction(self) -> None:
        frame = make_frame(index=5, pts=1234, time_base=Fraction(1, 1000))
        safe = redacted(frame)
        assert (safe.index, safe.pts, safe.time_base, safe.duration) == (
            5,
            1234,
            Fraction(1, 1000),
            1,
        )


class TestNothingShows:
    @pytest.mark.parametrize("value", [37, 211])
    def test_reprs_show_sizes_and_no_pixels(self, value: int) -> None:
        frame = make_frame(128, 96, 7, value=value, chroma=(value, value))
        part = face(Box(10, 10, 20, 20))
        shown = [frame, MaskedFrame(frame, (part,)), redacted(frame), part]
        for thing in shown:
            text = repr(thing)
            assert str(value) not in text
            assert "array" not in text
            assert len(text) < 100
        assert "128x96" in repr(frame)
        assert "128x96" in repr(redacted(frame))

    def test_reprs_name_the_state(self) -> None:
        assert "corrupt" in repr(make_frame(corrupt=True))
        assert "discontinuity" in repr(make_frame(discontinuity=True))
        assert "CORRUPT" in repr(MaskedFrame(make_frame(), Unknown.CORRUPT))
        assert "1 parts" in repr(MaskedFrame(make_frame(), (face(Box(0, 0, 9, 9)),)))


RAW: list[object] = [
    make_frame(),
    MaskedFrame(make_frame(), ()),
    None,
    np.zeros((8, 8), np.uint8),
    "frame",
]


class TestSinksTakeRedactedFramesOnly:
    @pytest.mark.parametrize("thing", RAW, ids=lambda thing: type(thing).__name__)
    @pytest.mark.parametrize("make", [NullSink, CollectingSink])
    def test_at_run_time(self, make: type[Any], thing: object) -> None:
        sink = make()
        with pytest.raises(TypeError, match="RedactedFrame only"):
            sink.send(thing)
        assert sink.frames in (0, [])

    def test_redacted_frames_are_taken(self) -> None:
        sink = NullSink()
        sink.send(redacted(make_frame()))
        assert sink.frames == 1

    @pytest.mark.slow
    def test_mypy_refuses_raw_and_masked_frames(self, tmp_path: Path) -> None:
        snippet = tmp_path / "snippet.py"
        snippet.write_text(
            "from stream_anon.core.frame import Frame\n"
            "from stream_anon.core.redacted import MaskedFrame, RedactedFrame\n"
            "from stream_anon.sinks.base import Sink\n"
            "from stream_anon.sinks.null import NullSink\n"
            "def good(sink: Sink, frame: RedactedFrame) -> None:\n"
            "    sink.send(frame)\n"
            "def raw(sink: Sink, frame: Frame) -> None:\n"
            "    sink.send(frame)\n"
            "def masked(sink: Sink, frame: MaskedFrame) -> None:\n"
            "    sink.send(frame)\n"
            "def null(frame: Frame) -> None:\n"
            "    NullSink().send(frame)\n"
            "def fits() -> Sink:\n"
            "    return NullSink()\n"
        )
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "mypy",
                "--strict",
                "--config-file=",
                f"--cache-dir={ROOT / '.mypy_cache' / 'ownership'}",
                str(snippet),
            ],
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=300,
            check=False,
        )
        errors = [line for line in done.stdout.splitlines() if "snippet.py:" in line]
        refused = [int(line.split(":")[1]) for line in errors if "arg-type" in line]
        assert refused == [8, 10, 12], done.stdout + done.stderr
        assert len(errors) == 3


def test_stub_sink_is_a_sink() -> None:
    sink: Sink = CollectingSink()
    frame = redacted(make_frame())
    sink.send(frame)
    assert cast(CollectingSink, sink).frames == [frame]


def test_a_stream_as_fields_is_the_same_stream() -> None:
    info = StreamInfo(
        "cam", 320, 180, Fraction(1, 90000), Fraction(30000, 1001), Fraction(4, 3),
        ColorTags(True, 1, 9, 16), frames=7, live=True, still=True, converted_from="gray",
    )  # fmt: skip
    assert StreamInfo.from_fields(json.loads(json.dumps(info.to_fields()))) == info
    plain = StreamInfo("cam", 320, 180, Fraction(1, 25))
    assert StreamInfo.from_fields(plain.to_fields()) == plain
    assert (info.nominal_rate, plain.nominal_rate) == (Fraction(30000, 1001), Fraction(25))
