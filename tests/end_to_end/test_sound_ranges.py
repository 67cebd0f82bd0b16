"""`--audio mute` and `beep`: what was in the ranges is gone, and everything else stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

import stream_anon
from stream_anon import ConfigError
from stream_anon.audio.censor import FADE, SPARE
from stream_anon.cli import main as cli
from tests.media import Tone, seconds, write
from tests.refusals import refused
from tests.runs import leftovers

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Sound = NDArray[np.float32]

RATE = 48000
FRAMES = 75
"""Three seconds."""
SPREAD = float(SPARE + FADE)
QUIET = 0.002
"""What a codec may leave in silence."""


def hum(seconds: float = 3.0, rate: int = RATE) -> Sound:
    """Steady sound that a codec carries well."""
    at = np.arange(round(seconds * rate)) / rate
    return (0.3 * np.sin(2 * np.pi * 200 * at)).astype(np.float32)


def made(path: Path, *tones: Tone) -> Path:
    for tone in tones:
        tone.samples = hum(3.0 - tone.start, tone.rate) if tone.samples is None else tone.samples
    return write(path, frames=FRAMES, tones=tones, size=(64, 48))


def heard(path: Path, number: int = 0) -> tuple[float, int, Sound]:
    """Begin in seconds of the file, rate and samples in a row: containers round their times."""
    with av.open(str(path)) as file:
        stream = file.streams.audio[number]
        rate = stream.codec_context.sample_rate
        resampler = av.AudioResampler("fltp", stream.codec_context.layout, rate)
        frames = list(file.decode(stream))
        blocks = [even.to_ndarray() for frame in frames for even in resampler.resample(frame)]
        begin = float(seconds(frames[0])) - (file.start_time or 0) / 1e6
    return begin, rate, np.concatenate(blocks, axis=1)


def part(path: Path, begin: float, end: float, number: int = 0) -> Sound:
    """The sound that a player plays from one time to another."""
    start, rate, samples = heard(path, number)
    return samples[:, round((begin - start) * rate) : round((end - start) * rate)]


def level(path: Path, begin: float, end: float, number: int = 0) -> float:
    """The loudest sample of the loudest channel."""
    return float(np.abs(part(path, begin, end, number)).max())


def pitch(path: Path, begin: float, end: float) -> float:
    """The strongest frequency, in hertz."""
    rate, samples = heard(path)[1], part(path, begin, end)
    one = samples[0] * np.hanning(samples.shape[1])
    return float(np.abs(np.fft.rfft(one)).argmax() * rate / len(one))


CODED = {
    "aac mp4-mp4": ("in.mp4", "out.mp4", Tone(), "aac"),
    "aac mp4-ts": ("in.mp4", "out.ts", Tone(), "aac"),
    "aac mp4-webm": ("in.mp4", "out.webm", Tone(rate=44100), "opus"),
    "opus mkv-webm": ("in.mkv", "out.webm", Tone(codec="libopus"), "opus"),
    "mp3 mkv-mp4": ("in.mkv", "out.mp4", Tone(codec="libmp3lame", rate=44100), "aac"),
    "ac3 ts-mkv": ("in.ts", "out.mkv", Tone(codec="ac3", layout="5.1"), "aac"),
    "mp2 late ts-ts": ("in.ts", "out.ts", Tone(codec="mp2", start=0.5), "aac"),
    "g711 mov-mov": (
        "in.mov", "out.mov", Tone(codec="pcm_alaw", rate=8000, layout="mono"), "pcm_alaw"
    ),
    "g711 mov-mp4": ("in.mov", "out.mp4", Tone(codec="pcm_alaw", rate=8000, layout="mono"), "aac"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("case", CODED)
def test_ranges_are_silent_or_a_tone_in_any_codec(case: str, tmp_path: Path) -> None:
    before, after, tone, codec = CODED[case]
    source, output = made(tmp_path / before, tone), tmp_path / after
    summary = stream_anon.redact(source, output, audio="mute 0.9-1.2, beep 1.6-1.8, mute 2.5-")
    assert not any("sound" in note for note in summary.notes)
    with av.open(str(output)) as file:
        assert file.streams.audio[0].codec_context.name == codec
    for begin, end in ((0.91, 1.19), (2.51, 2.95)):
        assert level(output, begin, end) < 0.01, (begin, end)
    for begin, end in ((0.7, 0.86), (1.24, 1.56), (1.84, 2.45)):
        assert level(output, begin, end) > 0.2, (begin, end)
        assert abs(pitch(output, begin, end) - 200) < 12
    assert abs(pitch(output, 1.62, 1.78) - 1000) < 10
    assert 0.05 < level(output, 1.62, 1.78) < 0.15


LOSSLESS = {
    "pcm mkv": ("mkv", Tone(codec="pcm_s16le")),
    "24 bits mkv": ("mkv", Tone(codec="pcm_s24le")),
    "flac mkv": ("mkv", Tone(codec="flac", rate=44100)),
    "24 bits flac mkv": ("mkv", Tone(codec="flac", format="s32")),
    "alac mov": ("mov", Tone(codec="alac")),
    "pcm avi": ("avi", Tone(codec="pcm_s16le")),
    "mono 8 kHz mov": ("mov", Tone(codec="pcm_mulaw", rate=8000, layout="mono")),
}


@pytest.mark.parametrize("case", LOSSLESS)
def test_lossless_sound_stays_the_same_to_the_sample_outside(case: str, tmp_path: Path) -> None:
    end, tone = LOSSLESS[case]
    generator = np.random.default_rng(0)
    loud = generator.uniform(0.1, 0.9, 3 * tone.rate) * generator.choice((-1, 1), 3 * tone.rate)
    tone.samples = loud.astype(np.float32)
    source, output = made(tmp_path / f"in.{end}", tone), tmp_path / f"out.{end}"
    stream_anon.redact(source, output, audio="mute 1-1.5")
    _, rate, was = heard(source)
    _, _, now = heard(output)
    assert now.shape == was.shape
    silent = np.flatnonzero(np.abs(now).max(axis=0) == 0)
    assert silent[0] <= rate
    assert silent[-1] >= rate * 3 // 2
    assert len(silent) == silent[-1] - silent[0] + 1
    changed = np.flatnonzero((now != was).any(axis=0)) / rate
    assert changed.min() >= 1 - SPREAD - 0.001
    assert changed.max() <= 1.5 + SPREAD + 0.001


@pytest.mark.parametrize(("before", "after"), [("in.mp4", "out.mp4"), ("in.mkv", "out.webm")])
def test_what_is_silenced_is_gone_also_around_the_range(
    before: str, after: str, tmp_path: Path
) -> None:
    """A codec spreads a burst by some milliseconds; nothing else is there to be heard."""
    samples = np.zeros(3 * RATE, np.float32)
    samples[RATE : RATE * 3 // 2] = np.random.default_rng(1).uniform(-0.9, 0.9, RATE // 2)
    source = made(tmp_path / before, Tone(samples=samples))
    assert level(source, 0.995, 1) > QUIET, "no test: the codec spreads nothing"
    for audio in ("mute 1-1.5", "disguise, mute 1-1.5"):
        output = tmp_path / after
        stream_anon.redact(source, output, audio=audio, overwrite=True)
        assert level(output, 0, 1) < QUIET
        assert level(output, 1, 2.9) < QUIET


def test_all_sound_tracks_are_covered(tmp_path: Path) -> None:
    tones = [Tone(), Tone(codec="ac3", layout="mono"), Tone(codec="pcm_s16le", rate=16000)]
    source, output = made(tmp_path / "in.mkv", *tones), tmp_path / "out.mkv"
    stream_anon.redact(source, output, audio="mute 1-2")
    for number in range(3):
        assert level(output, 1, 2, number) < 0.01
        assert level(output, 0.5, 0.9, number) > 0.2


def test_a_disguise_covers_too_and_its_tone_is_not_disguised(tmp_path: Path) -> None:
    source, output = made(tmp_path / "in.mp4", Tone()), tmp_path / "out.mp4"
    stream_anon.redact(source, output, audio="disguise, mute 0.5-1, beep 2-2.5")
    assert level(output, 0.51, 0.99) < 0.01
    assert abs(pitch(output, 2.05, 2.45) - 1000) < 5
    for begin, end in ((0.1, 0.45), (1.1, 1.9), (2.6, 2.9)):
        assert level(output, begin, end) > 0.05
        assert abs(pitch(output, begin, end) - 200) > 10, "it is not disguised"


@pytest.mark.parametrize("name", ["out.mkv", "out.mp4"])
def test_times_are_of_the_input_also_in_a_part_of_it(name: str, tmp_path: Path) -> None:
    source, output = made(tmp_path / "in.mp4", Tone()), tmp_path / name
    given = ["redact", str(source), str(output), "--audio", "mute 00:01.5-0:02"]
    assert cli.run([*given, "--from", "1", "--to", "2.6", "--trim"]) == 0
    assert level(output, 0.52, 0.98) < 0.01
    assert level(output, 0.1, 0.45) > 0.2
    assert level(output, 1.05, 1.5) > 0.2
    assert cli.run([*given, "--from", "1", "--overwrite"]) == 0
    assert level(output, 1.51, 1.99) < 0.01
    assert level(output, 0.1, 1.45) > 0.2


def test_times_count_from_the_beginning_of_a_recording_that_begins_late(tmp_path: Path) -> None:
    tone = Tone(samples=hum(), start=1000)
    source = write(
        tmp_path / "in.ts", frames=FRAMES, tones=[tone], pts=range(25000, 25000 + FRAMES),
        size=(64, 48),
    )  # fmt: skip
    stream_anon.redact(source, tmp_path / "out.mp4", audio="mute 1-2")
    assert level(tmp_path / "out.mp4", 1, 2) < 0.01
    assert level(tmp_path / "out.mp4", 0.5, 0.95) > 0.2
    assert level(tmp_path / "out.mp4", 2.1, 2.9) > 0.2


def test_gaps_do_not_move_the_ranges(tmp_path: Path) -> None:
    source = made(tmp_path / "in.mkv", Tone(gap=(0.5, 1.2)))
    output = tmp_path / "out.mkv"
    stream_anon.redact(source, output, audio="beep 0.8-1.6")
    assert abs(pitch(output, 0.85, 1.55) - 1000) < 5
    assert level(output, 0.55, 0.75) < 0.01
    assert abs(pitch(output, 1.65, 2.5) - 200) < 5


def test_sound_whose_times_jump_is_silenced_by_the_input_s_and_by_the_output_s(
    tmp_path: Path,
) -> None:
    """After a jump of more than ten minutes sound goes on at once: what was asked for is gone."""
    source = made(tmp_path / "in.mkv", Tone(codec="pcm_s16le", samples=hum(1)))
    late = tmp_path / "late.mkv"
    with av.open(str(source)) as old, av.open(str(late), "w") as new:
        streams = {s.index: new.add_stream_from_template(s) for s in old.streams}
        for packet in old.demux():
            if packet.size and packet.pts is not None and packet.dts is not None:
                if packet.stream.type == "audio" and packet.pts >= 500:
                    packet.pts += 700_000
                    packet.dts += 700_000
                packet.stream = streams[packet.stream_index]
                new.mux(packet)
    output = tmp_path / "out.mkv"
    stream_anon.redact(late, output, audio="mute 700.6-700.8")
    assert level(output, 0.61, 0.79) == 0
    assert level(output, 0.3, 0.55) > 0.2


def test_a_range_behind_the_end_is_a_note(tmp_path: Path) -> None:
    source = made(tmp_path / "in.mp4", Tone())
    summary = stream_anon.redact(source, tmp_path / "out.mp4", audio="mute 1-2, 60-61")
    assert [note for note in summary.notes if "from 60 s on: the input lasts 3.0 s" in note]


def test_subtitles_that_say_what_is_muted_are_a_note(tmp_path: Path) -> None:
    source = write(tmp_path / "in.mkv", subtitles="subrip", tones=[Tone()])
    kept = {"output.keep_subtitles": True}
    summary = stream_anon.redact(source, tmp_path / "a.mkv", audio="mute 0-1", settings=kept)
    assert "subtitles were kept, also where the sound is covered" in summary.notes
    summary = stream_anon.redact(source, tmp_path / "b.mkv", audio="copy", settings=kept)
    assert summary.notes == []


@pytest.mark.parametrize("audio", ["mute 5-3", "beep x-", "mute", "drop, mute 1-2", "loud"])
def test_nonsense_is_refused_in_a_line_and_nothing_is_written(
    audio: str, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused(ConfigError, 2, clip, tmp_path / "out.mp4", audio=audio)
    assert cli.run(["redact", str(clip), str(tmp_path / "out.mp4"), "--audio", audio]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    config = tmp_path / "c.toml"
    config.write_text(f'[output]\naudio = "{audio}"\n', encoding="utf-8")
    refused(ConfigError, 2, clip, tmp_path / "out.mp4", config=config)
    assert leftovers(tmp_path, config) == []
