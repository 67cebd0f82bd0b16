"""Sound and subtitles: gone by default, in step with the picture when they are asked for."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

import stream_anon
from tests.media import TEXT, Tone, packets, seconds, sound, times, write

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from stream_anon import Summary

CLICKS = (0.3, 0.75, 1.3, 1.7)
FRAMES = 50
"""Two seconds."""


def _run(source: Path, output: Path, audio: Any, **settings: object) -> Summary:
    dotted: dict[str, object] = {f"output.{key}": value for key, value in settings.items()}
    return stream_anon.redact(source, output, audio=audio, settings=dotted)


def _kinds(path: Path) -> list[tuple[str, str]]:
    with av.open(str(path)) as file:
        return [(stream.type, stream.codec_context.name) for stream in file.streams]


def _clicks(path: Path, number: int = 0) -> list[float]:
    """When the sound gets loud, in seconds."""
    start, rate, samples = sound(path, number)
    level = np.abs(samples).max(axis=0)
    window = rate // 100
    level = np.convolve(level, np.ones(window) / window, "same")
    loud = level > level.max() * 0.5
    edges = np.flatnonzero(np.diff(loud.astype(int)) == 1) / rate + start
    kept: list[float] = []
    for edge in edges:
        if not kept or edge - kept[-1] > 0.15:
            kept.append(float(edge))
    return kept


def _assert_in_sync(output: Path, expected: tuple[float, ...] = CLICKS, number: int = 0) -> None:
    found = _clicks(output, number)
    assert len(found) == len(expected), found
    assert np.abs(np.array(found) - expected).max() < 0.05, found


# -- dropping ---------------------------------------------------------------------------------


def test_sound_is_dropped_by_default(tmp_path: Path) -> None:
    source = write(tmp_path / "in.mp4", tones=[Tone(), Tone()])
    stream_anon.redact(source, tmp_path / "out.mp4")
    assert _kinds(tmp_path / "out.mp4") == [("video", "h264")]


# -- copying ----------------------------------------------------------------------------------

COPIED = {
    "mp4-mp4": ("in.mp4", "out.mp4", Tone()),
    "mp4-mkv": ("in.mp4", "out.mkv", Tone()),
    "mp4-ts": ("in.mp4", "out.ts", Tone()),
    "mkv-mkv": ("in.mkv", "out.mkv", Tone()),
    "ts-ts": ("in.ts", "out.ts", Tone(codec="mp2", start=1.5)),
    "mp3": ("in.mkv", "out.mp4", Tone(codec="libmp3lame", layout="mono", rate=44100)),
    "opus-webm": ("in.mkv", "out.webm", Tone(codec="libopus")),
    "g711-mov": ("in.mov", "out.mov", Tone(codec="pcm_alaw", rate=8000, layout="mono")),
    "pcm": ("in.mkv", "out.mkv", Tone(codec="pcm_s16le")),
    "flac": ("in.mkv", "out.mp4", Tone(codec="flac")),
    "8khz": ("in.mp4", "out.mp4", Tone(rate=8000, layout="mono")),
    "surround": ("in.mp4", "out.mp4", Tone(layout="5.1")),
    "late": ("in.mp4", "out.mp4", Tone(start=0.5)),
    "gap": ("in.mkv", "out.mkv", Tone(gap=(0.5, 1.0))),
    "longer": ("in.mp4", "out.mp4", Tone(seconds=4)),
    "shorter": ("in.mp4", "out.mp4", Tone(seconds=0.5)),
}


@pytest.mark.parametrize("case", COPIED)
def test_copied_sound_is_the_same_bits_at_the_same_times(case: str, tmp_path: Path) -> None:
    before, after, tone = COPIED[case]
    tone.seconds = 2.0 if tone.seconds == 1.0 else tone.seconds
    source = write(tmp_path / before, frames=FRAMES, tones=[tone])
    summary = _run(source, tmp_path / after, "copy")
    original, copied = packets(source, "audio"), packets(tmp_path / after, "audio")
    header = 7 if case == "mp4-ts" else 0  # such sound carries its description in each packet
    if case == "mp4-ts":
        original = [(time, data) for time, data in original if time >= 0]
    assert [data[header:] for _, data in copied] == [data for _, data in original]
    unit = Fraction(1, 1000) if after.endswith(("mkv", "webm")) else Fraction(1, 48_000)
    for (time, _), (old, _) in zip(copied, original, strict=True):
        assert abs(time - old) < unit
    assert times(tmp_path / after) == times(source)
    assert summary.notes == []


def test_several_streams_are_all_copied(tmp_path: Path) -> None:
    tones = [Tone(), Tone(codec="ac3", rate=44100, layout="mono")]
    source = write(tmp_path / "in.mkv", tones=tones)
    _run(source, tmp_path / "out.mp4", "copy")
    assert [kind for kind, _ in _kinds(tmp_path / "out.mp4")] == ["video", "audio", "audio"]
    for number in (0, 1):
        before = packets(source, "audio", number)
        after = packets(tmp_path / "out.mp4", "audio", number)
        assert [data for _, data in before] == [data for _, data in after]


CONVERTED = {
    "g711-mp4": ("in.mov", "out.mp4", Tone(codec="pcm_alaw", rate=8000, layout="mono"), "aac"),
    "mulaw-mkv": ("in.mov", "out.ts", Tone(codec="pcm_mulaw", rate=8000, layout="mono"), "aac"),
    "aac-webm": ("in.mp4", "out.webm", Tone(), "opus"),
    "surround-webm": ("in.mp4", "out.webm", Tone(layout="5.1"), "opus"),
    "44100-webm": ("in.mp4", "out.webm", Tone(rate=44100), "opus"),
}


@pytest.mark.parametrize("case", CONVERTED)
def test_sound_that_the_container_cannot_carry_is_converted_and_said_so(
    case: str, tmp_path: Path
) -> None:
    before, after, tone, codec = CONVERTED[case]
    tone.seconds, tone.clicks = 2.0, CLICKS
    source = write(tmp_path / before, frames=FRAMES, tones=[tone])
    summary = _run(source, tmp_path / after, "copy")
    assert ("audio", codec) in _kinds(tmp_path / after)
    assert any("sound was converted" in note for note in summary.notes)
    _assert_in_sync(tmp_path / after)
    _, rate, samples = sound(tmp_path / after)
    assert abs(samples.shape[1] / rate - 2.0) < 0.1


@pytest.mark.parametrize("audio", ["copy", "disguise"])
@pytest.mark.parametrize("name", ["out.gif", "out.png"])
def test_containers_without_sound_say_so(name: str, audio: str, tmp_path: Path) -> None:
    source = write(tmp_path / "in.mp4", frames=1, tones=[Tone()])
    summary = _run(source, tmp_path / name, audio)
    assert any("sound was dropped" in note for note in summary.notes)


# -- disguising -------------------------------------------------------------------------------

DISGUISED = {
    "mp4": ("in.mp4", "out.mp4", Tone()),
    "mkv": ("in.mkv", "out.mkv", Tone(codec="libopus")),
    "webm": ("in.mp4", "out.webm", Tone(rate=44100)),
    "ts": ("in.ts", "out.ts", Tone()),
    "mov-g711": ("in.mov", "out.mov", Tone(codec="pcm_alaw", rate=8000, layout="mono")),
    "surround": ("in.mp4", "out.mp4", Tone(layout="5.1")),
    "longer": ("in.mp4", "out.mp4", Tone(seconds=3)),
    "shorter": ("in.mp4", "out.mp4", Tone(seconds=1.9)),
}


@pytest.mark.parametrize("case", DISGUISED)
def test_disguised_sound_has_its_length_and_is_in_sync(case: str, tmp_path: Path) -> None:
    before, after, tone = DISGUISED[case]
    tone.seconds = 2.0 if tone.seconds == 1.0 else tone.seconds
    tone.clicks = CLICKS
    source = write(tmp_path / before, frames=FRAMES, tones=[tone])
    _run(source, tmp_path / after, "disguise")
    _assert_in_sync(tmp_path / after, tuple(_clicks(source)))
    _, rate, samples = sound(tmp_path / after)
    _, old_rate, old = sound(source)
    assert abs(samples.shape[1] / rate - old.shape[1] / old_rate) < 0.09
    assert samples.shape[0] == old.shape[0]
    assert times(tmp_path / after) == times(source)


def test_late_disguised_sound_stays_late(tmp_path: Path) -> None:
    tone = Tone(seconds=1.5, start=0.5, clicks=(0.25, 1.0))
    source = write(tmp_path / "in.mp4", frames=FRAMES, tones=[tone])
    _run(source, tmp_path / "out.mp4", "disguise")
    _assert_in_sync(tmp_path / "out.mp4", (0.75, 1.5))


def test_gaps_in_disguised_sound_become_silence(tmp_path: Path) -> None:
    tone = Tone(seconds=2, gap=(0.8, 1.2), clicks=CLICKS)
    source = write(tmp_path / "in.mkv", frames=FRAMES, tones=[tone])
    _run(source, tmp_path / "out.mkv", "disguise")
    _assert_in_sync(tmp_path / "out.mkv")
    start, rate, samples = sound(tmp_path / "out.mkv")
    quiet = samples[:, int((0.95 - start) * rate) : int((1.1 - start) * rate)]
    assert np.abs(quiet).max() < 0.01


def _spectrum(path: Path, number: int) -> NDArray[np.float64]:
    """Energy at each Hz up to 1 kHz, in decibels, smoothed over 10 Hz."""
    _, rate, samples = sound(path, number)
    one = samples[0, rate // 2 : rate * 3 // 2]
    power = np.abs(np.fft.rfft(one * np.hanning(len(one)), rate)) ** 2
    return np.asarray(10 * np.log10(np.convolve(power, np.ones(10) / 10, "same")[:1000] + 1e-9))


def test_disguised_sound_does_not_have_the_pitch_of_the_original(tmp_path: Path) -> None:
    source = write(tmp_path / "in.mp4", frames=FRAMES, tones=[Tone(seconds=2), Tone(seconds=2)])
    _run(source, tmp_path / "disguised.mp4", "disguise")
    _run(source, tmp_path / "copied.mp4", "copy")
    for number in (0, 1):
        original = _spectrum(source, number)
        copied = _spectrum(tmp_path / "copied.mp4", number)
        disguised = _spectrum(tmp_path / "disguised.mp4", number)
        assert np.corrcoef(original, copied)[0, 1] > 0.99
        assert np.corrcoef(original, disguised)[0, 1] < 0.5
        pitch, hidden = (80 + int(spectrum[80:260].argmax()) for spectrum in (original, disguised))
        assert abs(pitch - 150) <= 6
        assert abs(hidden - pitch) > 15


def test_damaged_sound_costs_sound_and_not_the_run(tmp_path: Path) -> None:
    source = write(tmp_path / "in.ts", frames=FRAMES, tones=[Tone(seconds=2)])
    data = bytearray(source.read_bytes())
    of_sound = [
        at for at in range(0, len(data), 188) if (data[at + 1] & 0x1F) << 8 | data[at + 2] == 0x101
    ]
    assert len(of_sound) > 50
    for at in of_sound[10:-10:3]:
        data[at + 30 : at + 188] = bytes(158)
    source.write_bytes(data)
    for audio in ("copy", "disguise"):
        summary = _run(source, tmp_path / f"{audio}.ts", audio)
        assert summary.frames == FRAMES
        assert summary.complete
        assert ("audio", "aac") in _kinds(tmp_path / f"{audio}.ts")


def test_sound_that_starts_again_does_not_end_the_run(tmp_path: Path) -> None:
    tone = Tone(seconds=1.6, start=0.1, clicks=(0.5,))
    parts = [write(tmp_path / f"{n}.ts", frames=40, tones=[tone]) for n in (1, 2)]
    source = tmp_path / "in.ts"
    source.write_bytes(b"".join(part.read_bytes() for part in parts))
    for audio in ("copy", "disguise"):
        assert _run(source, tmp_path / f"{audio}.mp4", audio).frames == 80
        assert len(_clicks(tmp_path / f"{audio}.mp4")) == 2


# -- subtitles --------------------------------------------------------------------------------


def _texts(path: Path) -> list[tuple[float, str]]:
    with av.open(str(path)) as file:
        found = []
        for stream in file.streams.subtitles:
            for packet in file.demux(stream):
                for line in packet.decode() if packet.size else ():
                    text = getattr(line, "dialogue", b"").decode()
                    if text:
                        found.append((float(seconds(packet)), text))
        return found


@pytest.mark.parametrize(("end", "codec"), [("mkv", "subrip"), ("mp4", "mov_text")])
def test_subtitles_are_dropped_by_default(end: str, codec: str, tmp_path: Path) -> None:
    source = write(tmp_path / f"in.{end}", subtitles=codec)
    assert _texts(source) == [(0.04, TEXT)]
    stream_anon.redact(source, tmp_path / f"out.{end}")
    assert [kind for kind, _ in _kinds(tmp_path / f"out.{end}")] == ["video"]


KEPT = {
    "srt mkv-mkv": ("in.mkv", "subrip", "out.mkv"),
    "ass mkv-mkv": ("in.mkv", "ass", "out.mkv"),
    "tx3g mp4-mp4": ("in.mp4", "mov_text", "out.mp4"),
    "tx3g mp4-mov": ("in.mp4", "mov_text", "out.mov"),
    "srt mkv-mp4": ("in.mkv", "subrip", "out.mp4"),
    "tx3g mp4-mkv": ("in.mp4", "mov_text", "out.mkv"),
    "srt mkv-webm": ("in.mkv", "subrip", "out.webm"),
}


@pytest.mark.parametrize("case", KEPT)
@pytest.mark.parametrize("audio", ["drop", "copy"])
def test_text_subtitles_are_kept_when_asked_for(case: str, audio: str, tmp_path: Path) -> None:
    before, codec, after = KEPT[case]
    sound_codec = "libopus" if after.endswith("webm") else "aac"
    source = write(tmp_path / before, subtitles=codec, tones=[Tone(codec=sound_codec)])
    summary = _run(source, tmp_path / after, audio, keep_subtitles=True)
    assert _texts(tmp_path / after) == [(0.04, TEXT)]
    assert bool(summary.notes) == (before[-3:] != after[-3:] and "mov" not in after)


@pytest.mark.parametrize("name", ["out.ts", "out.avi"])
def test_subtitles_that_cannot_be_kept_are_a_note(name: str, tmp_path: Path) -> None:
    source = write(tmp_path / "in.mkv", subtitles="subrip")
    summary = _run(source, tmp_path / name, "drop", keep_subtitles=True)
    assert any("subtitles (subrip) were dropped" in note for note in summary.notes)
