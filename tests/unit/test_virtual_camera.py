"""The virtual camera, with a camera in memory that pyvirtualcam takes for a real one."""

from __future__ import annotations

import sys
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from stream_anon.config import Redaction
from stream_anon.core.frame import ColorTags, Frame, StreamInfo
from stream_anon.core.redacted import MaskedFrame, RedactedFrame
from stream_anon.errors import SinkError
from stream_anon.redaction.redactor import Redactor
from stream_anon.sinks.live.virtual_camera import SETUP, VirtualCameraSink
from tests.camera import BACKEND, MemoryCamera, memory_cameras
from tests.requirements import require_live
from tests.stubs import make_frame

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.slow, pytest.mark.realtime]

TICK = Fraction(1, 90000)
INFO = StreamInfo("cam", 64, 48, TICK, rate=Fraction(25), live=True)


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 6))
        self.now += seconds


@pytest.fixture
def cameras() -> Iterator[list[MemoryCamera]]:
    with memory_cameras() as opened:
        yield opened


@pytest.fixture
def clock() -> Clock:
    return Clock()


def redacted(seconds: float = 0.0, **more: Any) -> RedactedFrame:
    size = {"width": INFO.width, "height": INFO.height}
    frame = make_frame(**(size | more), pts=round(seconds * 90000), time_base=TICK)
    return Redactor(Redaction(), ColorTags()).redact(MaskedFrame(frame, ()))


def opened(clock: Clock, info: StreamInfo = INFO, device: str | None = None) -> VirtualCameraSink:
    return VirtualCameraSink(info, device, BACKEND, clock=clock, sleep=clock.sleep)


def as_i420(frame: Frame | RedactedFrame) -> bytes:
    return b"".join(plane.tobytes() for plane in frame.planes)


def test_frames_arrive_bit_by_bit_and_in_order(cameras: list[MemoryCamera], clock: Clock) -> None:
    sink = opened(clock, device="/dev/video7")
    frames = [redacted(n / 25, pattern="noise", seed=n) for n in range(5)]
    for frame in frames:
        sink.send(frame)
    (camera,) = cameras
    assert (camera.width, camera.height, camera.fps) == (64, 48, 25)
    assert sink.device == "/dev/video7"
    assert [sent.tobytes() for sent in camera.frames] == [as_i420(frame) for frame in frames]
    assert not sink.notes
    sink.finish()
    sink.close()
    sink.close()
    assert camera.closed == 1


def test_a_burst_is_spread_by_the_frames_own_times(
    cameras: list[MemoryCamera], clock: Clock
) -> None:
    sink = opened(clock)
    for seconds in (0.0, 0.04, 0.08, 0.2):
        sink.send(redacted(seconds))
    assert clock.slept == [0.036, 0.036, 0.108]
    sink.close()


def test_frames_that_come_in_time_go_at_once(cameras: list[MemoryCamera], clock: Clock) -> None:
    sink = opened(clock)
    for number in range(5):
        sink.send(redacted(number / 25))
        clock.now += 0.04
    assert clock.slept == []
    sink.close()


def test_a_delay_is_made_up_for(cameras: list[MemoryCamera], clock: Clock) -> None:
    sink = opened(clock)
    start = clock.now
    sink.send(redacted(0.0))
    clock.now += 0.2  # nothing came for five frames
    for number in range(1, 100):
        clock.now = max(clock.now, start + number / 25)
        sink.send(redacted(number / 25))
    assert clock.now == pytest.approx(start + 99 / 25)
    assert max(clock.slept) <= 0.036
    sink.close()


@pytest.mark.parametrize("jump", [-3600.0, 3600.0, 0.0])
def test_a_jump_of_the_clock_holds_nothing_up(
    cameras: list[MemoryCamera], clock: Clock, jump: float
) -> None:
    sink = opened(clock)
    for seconds in (4000.0, 4000 + jump, 4000 + jump + 0.04):
        sink.send(redacted(seconds))
    assert clock.slept == [0.036]
    assert len(cameras[0].frames) == 3
    sink.close()


def test_full_range_becomes_what_readers_expect(cameras: list[MemoryCamera], clock: Clock) -> None:
    info = StreamInfo("cam", 64, 48, TICK, color=ColorTags(full_range=True))
    sink = opened(clock, info)
    assert cameras[0].fps == 25, "a rate has to be named even where it is not known"
    for level in (0, 128, 255):
        sink.send(redacted(value=level, chroma=(level, level)))
    luma = [int(sent[0]) for sent in cameras[0].frames]
    chroma = [int(sent[-1]) for sent in cameras[0].frames]
    assert luma == [16, 126, 235]
    assert chroma == [16, 128, 240]
    sink.close()


def test_odd_sizes_are_padded_and_told(cameras: list[MemoryCamera], clock: Clock) -> None:
    sink = opened(clock, StreamInfo("cam", 63, 47, TICK))
    assert "63x47" in sink.notes[0]
    frame = redacted(width=63, height=47, pattern="noise")
    sink.send(frame)
    luma = cameras[0].frames[0][: 64 * 48].reshape(48, 64)
    assert np.array_equal(luma[:47, :63], frame.planes[0])
    assert np.array_equal(luma[47, :63], frame.planes[0][46])
    assert np.array_equal(luma[:47, 63], frame.planes[0][:, 62])
    assert cameras[0].frames[0][64 * 48 :].tobytes() == as_i420(frame)[63 * 47 :]
    sink.close()


def test_another_size_is_refused(cameras: list[MemoryCamera], clock: Clock) -> None:
    sink = opened(clock)
    with pytest.raises(SinkError, match="is not 64x48"):
        sink.send(redacted(width=66))
    assert not cameras[0].frames
    sink.close()


def test_a_camera_that_goes_away_is_a_sink_error(cameras: list[MemoryCamera], clock: Clock) -> None:
    sink = opened(clock)
    sink.send(redacted())
    cameras[0].gone = True
    with pytest.raises(SinkError, match="no longer accepts frames"):
        sink.send(redacted(0.04))
    sink.close()


# -- no camera --------------------------------------------------------------------------------


def test_no_free_camera_says_how_to_get_one(cameras: list[MemoryCamera]) -> None:
    MemoryCamera.busy = True
    with pytest.raises(SinkError, match="no free virtual camera") as caught:
        VirtualCameraSink(INFO, backend=BACKEND)
    assert SETUP[sys.platform] in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_device_in_use_is_named(
    cameras: list[MemoryCamera], monkeypatch: pytest.MonkeyPatch
) -> None:
    MemoryCamera.busy = True
    with pytest.raises(SinkError, match=r"^/dev/null does not accept 64x48 pictures"):
        VirtualCameraSink(INFO, "/dev/null", BACKEND)


@pytest.mark.skipif(sys.platform != "linux", reason="device files are Linux's")
@pytest.mark.parametrize(
    ("device", "told"),
    [("/dev/video4711", "there is no virtual camera"), ("/dev/null", "it is not a virtual camera")],
)
def test_pyvirtualcams_own_backend_is_asked(device: str, told: str) -> None:
    require_live(modules=["pyvirtualcam"])
    with pytest.raises(SinkError, match=f"{device}.*v4l2loopback|{told}"):
        VirtualCameraSink(INFO, device)


def test_an_unknown_backend_is_refused(cameras: list[MemoryCamera]) -> None:
    with pytest.raises(SinkError, match=r"no backend 'vhs'.*memory"):
        VirtualCameraSink(INFO, backend="vhs")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
    with pytest.raises(SinkError, match=r"pip install 'stream-anon\[live\]'"):
        VirtualCameraSink(INFO)
