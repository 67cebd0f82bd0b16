"""Sound beside live pictures: from packets to files, in step with the picture."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_anon.config import Live, Settings
from stream_anon.core.live_sound import SOUND_RATE, SoundBlock, pack_sound, unpack_sound
from stream_anon.errors import ConfigError
from stream_anon.sinks.live.recording import RecordingSink
from stream_anon.sinks.live.stream import StreamSink
from stream_anon.sinks.process.transport import pack, pack_with_sound, sound_of, unpack
from stream_anon.sources.live.clock import TICKS
from stream_anon.sources.live.sound import LiveEar, SoundQueue
from stream_anon.sources.registry import parse_source
from tests.media import Tone, sound, write
from tests.numbered import FIRST_PTS, INFO, RATE, STEP, numbered

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from stream_anon.core.live_sound import Samples

SOUNDING = replace(INFO, sound=True)
SLACK = 0.04
"""Seconds by which sound may be off."""
PER_FRAME = SOUND_RATE // RATE


def block(time: int, count: int, value: int = 1) -> SoundBlock:
    return SoundBlock(time, np.full((count, 2), value, np.int16))


def ramp(count: int) -> Samples:
    return np.repeat(np.arange(count, dtype=np.int16)[:, None], 2, axis=1)


# -- on its way -------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(-(10**6), 10**12), st.integers(0, 50)), max_size=6))
def test_blocks_arrive_as_they_were_packed(given_blocks: list[tuple[int, int]]) -> None:
    blocks = [block(time, count, number) for number, (time, count) in enumerate(given_blocks)]
    blocks = [one for one in blocks if len(one.samples)]
    arrived = unpack_sound(*pack_sound(blocks))
    assert [one.time for one in arrived] == [one.time for one in blocks]
    for one, was in zip(arrived, blocks, strict=True):
        assert np.array_equal(one.samples, was.samples)


@pytest.mark.parametrize(
    "table", [[], [[0, 5]], [[0, 11]], [[0, 20], [0, -10]], [[0.5, 10]], [["0", 10]], [[0]], 7]
)
def test_sound_that_does_not_fit_its_table_is_refused(table: object) -> None:
    _, planes = pack_sound([block(0, 10)])
    with pytest.raises((TypeError, ValueError)):
        unpack_sound(table, planes)


def test_a_frame_takes_its_sound_along() -> None:
    blocks = [block(FIRST_PTS, 100, 7), block(FIRST_PTS + 500, 3, 8)]
    message = pack_with_sound(numbered(3), blocks)
    assert unpack(message).pts == numbered(3).pts
    assert [(one.time, len(one.samples)) for one in sound_of(message)] == [
        (FIRST_PTS, 100), (FIRST_PTS + 500, 3)
    ]  # fmt: skip
    assert sound_of(pack(numbered(3))) == []
    assert sound_of(pack_with_sound(numbered(3), [])) == []


@given(st.lists(st.integers(1, 4000), max_size=8))
def test_sound_waits_for_the_picture_of_its_time(steps: list[int]) -> None:
    queue, samples = SoundQueue(), ramp(6000)
    queue.put(
        [SoundBlock(at * TICKS // SOUND_RATE, samples[at : at + 960]) for at in range(0, 6000, 960)]
    )
    pts, taken = 0, []
    for step in steps:
        pts += step
        for one in queue.until(pts):
            assert one.time < pts
            assert one.time + (len(one.samples) - 1) * TICKS / SOUND_RATE < pts + 2
            taken.append(one.samples)
    taken += [one.samples for one in queue.until(10**9)]
    assert np.array_equal(np.concatenate(taken), samples)


def test_sound_that_nobody_takes_does_not_pile_up() -> None:
    queue = SoundQueue()
    for second in range(100):
        queue.put([block(second * TICKS, SOUND_RATE)])
    assert sum(len(one.samples) for one in queue.until(10**9)) <= 11 * SOUND_RATE


def test_sound_from_the_future_does_not_keep_back_what_comes_after_it() -> None:
    queue = SoundQueue()
    queue.put([block(30 * TICKS, SOUND_RATE)])
    queue.put([block(second * TICKS, SOUND_RATE) for second in range(3)])
    assert [one.time for one in queue.until(5 * TICKS)] == [0, TICKS, 2 * TICKS]
    assert queue.until(10**9) == []


# -- from packets -----------------------------------------------------------------------------


def heard(path: Path, *, disguise: bool) -> list[SoundBlock]:
    with av.open(str(path)) as file:
        ear = LiveEar(file.streams.audio[0], disguise=disguise)
        for packet in file.demux(file.streams.audio[0]):
            ear.take(packet)
        return ear.heard()


def loudest(blocks: list[SoundBlock]) -> NDArray[np.float64]:
    """When it is loud, in seconds."""
    level = np.concatenate([np.abs(one.samples.astype(float)).max(axis=1) for one in blocks])
    time = [one.time / TICKS + np.arange(len(one.samples)) / SOUND_RATE for one in blocks]
    return np.asarray(np.concatenate(time)[level > level.max() / 2])


@pytest.mark.parametrize("disguise", [False, True])
@pytest.mark.parametrize(
    "tone",
    [
        Tone(codec="pcm_alaw", rate=8000, layout="mono"), Tone(), Tone(rate=44100),
        Tone(codec="ac3", layout="5.1"),
    ],
    ids=["g711", "aac", "44100", "surround"],
)  # fmt: skip
def test_sound_of_any_kind_is_heard_at_its_time(tone: Tone, disguise: bool, tmp_path: Path) -> None:
    tone.seconds, tone.clicks, tone.start = 2.0, (0.5, 1.5), 0.25
    blocks = heard(write(tmp_path / "in.mov", frames=50, tones=[tone]), disguise=disguise)
    loud = loudest(blocks)
    assert len(loud)
    for click in (0.75, 1.75):
        assert np.abs(loud - click).min() < SLACK
    assert all(min(abs(at - 0.75), abs(at - 1.75)) < 0.1 for at in loud)
    assert 0.2 < blocks[0].time / TICKS < 0.3


def test_a_gap_stays_a_gap_also_when_disguised(tmp_path: Path) -> None:
    tone = Tone(seconds=2, gap=(0.8, 1.2), clicks=(0.5, 1.5))
    source = write(tmp_path / "in.mkv", frames=50, tones=[tone])
    for disguise in (False, True):
        blocks = heard(source, disguise=disguise)
        loud = loudest(blocks)
        assert np.abs(loud - 0.5).min() < SLACK
        assert np.abs(loud - 1.5).min() < SLACK
        ends = [one.time / TICKS + len(one.samples) / SOUND_RATE for one in blocks]
        gaps = [b.time / TICKS - end for b, end in zip(blocks[1:], ends, strict=False)]
        assert max(gaps) == pytest.approx(0.4, abs=0.06)


def test_a_disguised_voice_leaves_with_another_pitch(tmp_path: Path) -> None:
    tone = Tone(codec="pcm_s16le", layout="mono", seconds=2)
    source = write(tmp_path / "in.mkv", frames=50, tones=[tone])
    plain, other = (
        np.concatenate([one.samples for one in heard(source, disguise=disguise)])[:, 0]
        for disguise in (False, True)
    )
    assert abs(_pitch(plain) - 150) < 4
    assert abs(_pitch(other) - 150) > 15


def _pitch(samples: NDArray[np.int16]) -> int:
    power = np.abs(np.fft.rfft(samples[SOUND_RATE // 2 : 3 * SOUND_RATE // 2]))
    return 80 + int(power[80:260].argmax())


def test_sound_is_asked_for_only_where_it_is_wanted() -> None:
    for audio, types in (("drop", "video"), ("copy", "video+audio"), ("disguise", "video+audio")):
        address = parse_source("rtsp://cam/1", pace=False, settings=Live(audio=audio))  # type: ignore[arg-type]
        assert address.options["allowed_media_types"] == types
    with pytest.raises(ValueError, match="audio"):
        Live(audio="mute")  # type: ignore[arg-type]
    assert issubclass(ConfigError, Exception)


# -- into files and streams -------------------------------------------------------------------


_TONE = np.repeat(np.sin(np.arange(PER_FRAME) * np.pi / 24)[:, None] * 600, 2, 1).astype(np.int16)


def clicking(frames: int, *clicks: int, silent: range = range(0)) -> Iterator[list[SoundBlock]]:
    """Before each frame, the sound since the last one; it is loud when a frame of `clicks` is due.

    Args:
        frames: how many.
        clicks: numbers of frames.
        silent: frames before which no sound comes.
    """
    for number in range(frames):
        if number == 0 or number in silent:
            yield []
            continue
        samples = _TONE.copy()
        if number - 1 in clicks:
            samples[: PER_FRAME // 2] *= 30
        yield [SoundBlock(FIRST_PTS + (number - 1) * STEP, samples)]


def record(sink: RecordingSink | StreamSink, frames: int, *clicks: int, **more: range) -> None:
    for number, blocks in enumerate(clicking(frames, *clicks, **more)):
        sink.hear(blocks)
        sink.send(numbered(number))
    sink.finish()
    sink.close()


def clicks_in(path: Path) -> list[float]:
    """When the sound gets loud, in seconds from the first picture."""
    with av.open(str(path)) as file:
        first = next(file.decode(video=0))
        assert first.time is not None
        begin = first.time
    start, rate, samples = sound(path)
    loud = np.flatnonzero(np.abs(samples).max(axis=0) > 0.25) / rate + start - begin
    return [float(at) for k, at in enumerate(loud) if k == 0 or at - loud[k - 1] > 0.1]


@pytest.mark.parametrize("name", ["cam.mkv", "cam.mp4", "cam.mov", "cam.ts", "cam.webm"])
def test_sound_is_recorded_in_step_with_its_picture(name: str, tmp_path: Path) -> None:
    record(RecordingSink(tmp_path / name, SOUNDING, Settings()), 75, 10, 40, 60)
    found = clicks_in(tmp_path / name)
    assert len(found) == 3
    assert np.abs(np.array(found) - np.array([10, 40, 60]) / RATE).max() < SLACK, found


def test_where_sound_is_missing_there_is_silence_and_what_comes_after_is_in_step(
    tmp_path: Path,
) -> None:
    sink = RecordingSink(tmp_path / "cam.mkv", SOUNDING, Settings())
    record(sink, 150, 10, 140, silent=range(30, 120))
    found = clicks_in(tmp_path / "cam.mkv")
    assert np.abs(np.array(found) - np.array([10, 140]) / RATE).max() < SLACK, found
    start, rate, samples = sound(tmp_path / "cam.mkv")
    quiet = samples[:, round((1.3 - start) * rate) : round((4.6 - start) * rate)]
    assert np.abs(quiet).max() < 0.001
    assert samples.shape[1] / rate > 5.8


def test_each_segment_begins_with_the_sound_of_its_first_picture(tmp_path: Path) -> None:
    path = tmp_path / "cam-%Y%m%d-%H%M%S.mkv"
    times = iter(range(1_000_000, 1_000_100))
    sink = RecordingSink(path, SOUNDING, Settings(), segment=1.0, clock=lambda: next(times))
    record(sink, 75, 10, 35, 60)
    files = sorted(tmp_path.iterdir())
    assert len(files) == 3
    for file in files:
        assert np.abs(np.array(clicks_in(file)) - 10 / RATE).max() < SLACK
        assert sound(file)[2].shape[1] / SOUND_RATE == pytest.approx(1, abs=0.07)


def test_a_playlist_has_the_sound(tmp_path: Path) -> None:
    record(StreamSink(f"hls:{tmp_path / 'web'}", SOUNDING, Settings()), 75, 10, 60)
    (playlist,) = (tmp_path / "web").glob("*.m3u8")
    segments = [line for line in playlist.read_text().splitlines() if line.endswith(".ts")]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join((playlist.parent / name).read_bytes() for name in segments))
    found = clicks_in(joined)
    assert np.abs(np.array(found) - np.array([10, 60]) / RATE).max() < SLACK, found


def test_without_sound_in_the_source_there_is_no_track(tmp_path: Path) -> None:
    record(RecordingSink(tmp_path / "cam.mkv", INFO, Settings()), 10, 5)
    with av.open(str(tmp_path / "cam.mkv")) as file:
        assert [stream.type for stream in file.streams] == ["video"]


def test_a_picture_does_not_wait_for_sound_that_does_not_come(tmp_path: Path) -> None:
    path = tmp_path / "cam.mkv"
    sink = RecordingSink(path, SOUNDING, Settings())
    for number in range(60):
        sink.hear([])
        sink.send(numbered(number))
    with av.open(str(path)) as file:
        written = [Fraction(p.pts or 0) for p in file.demux(video=0) if p.size]
    sink.close()
    assert len(written) > 60 - 1.5 * RATE
