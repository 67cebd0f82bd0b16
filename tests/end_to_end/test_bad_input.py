"""Bad input and bad places: one clear line, the right exit code, and nothing lost or leaked."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from contextlib import suppress
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import av
import numpy as np
import pytest

import stream_anon
from stream_anon import ConfigError, OutputExistsError, SinkError, SourceError, cli
from stream_anon.sinks import media as media_sink
from tests.media import Tone, pictures, seconds, texture, times, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    Lumas = dict[Fraction, NDArray[np.uint8]]

FRAMES = 50
GOP = 10
PICTURES = [texture(number) for number in range(FRAMES)]
ROOT = Path(__file__).parents[2]


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _refused(kind: type[Exception], code: int, source: Path, output: Path, **more: Any) -> str:
    """The message of a run that has to fail, checked for what holds for all of them."""
    folders = {source.parent, output.parent}
    before = {folder: _names(folder) for folder in folders if folder.is_dir()}
    with pytest.raises(kind) as caught:
        stream_anon.redact(source, output, **more)
    message = str(caught.value)
    assert isinstance(caught.value, stream_anon.StreamAnonError)
    assert caught.value.exit_code == code
    assert message
    assert "\n" not in message
    assert "Errno" not in message
    assert "file:" not in message
    assert ".part" not in message
    assert {folder: _names(folder) for folder in before} == before
    return message


# -- the input --------------------------------------------------------------------------------


def _missing(folder: Path) -> Path:
    return folder / "in.mp4"


def _folder(folder: Path) -> Path:
    (folder / "in.mp4").mkdir()
    return folder / "in.mp4"


def _file(content: bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / "in.mp4").write_bytes(content)
        return folder / "in.mp4"

    return make


def _sound_only(folder: Path) -> Path:
    path = folder / "in.m4a"
    with av.open(str(path), "w", format="mp4") as file:
        stream: Any = file.add_stream("aac", rate=48000)
        for number in range(20):
            block = np.zeros((2, 1024), np.float32)
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts = 48000, number * 1024
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def _cover_only(folder: Path) -> Path:
    path = _sound_only(folder)
    covered = folder / "covered.m4a"
    with av.open(str(path)) as old, av.open(str(covered), "w", format="mp4") as new:
        from tests.media import _add_cover, _mux_cover

        sound = new.add_stream_from_template(old.streams.audio[0])
        cover = _add_cover(new)
        new.start_encoding()
        _mux_cover(new, cover)
        for packet in old.demux(audio=0):
            if packet.size:
                packet.stream = sound
                new.mux(packet)
    path.unlink()
    return covered


def _without_index(folder: Path) -> Path:
    path = write(folder / "in.mp4", frames=FRAMES)
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"moov")])
    return path


def _tiny(folder: Path) -> Path:
    black = np.zeros((8, 8, 3), np.uint8)
    return write(folder / "in.mkv", codec="ffv1", size=(8, 8), frames=2, pictures=[black] * 2)


def _headless(folder: Path) -> Path:
    """A header that promises a video, and noise where its pictures should be."""
    path = write(folder / "in.mp4", frames=10)
    data = bytearray(path.read_bytes())
    start, end = data.index(b"mdat") + 4, data.index(b"moov") - 4
    data[start:end] = np.random.default_rng(1).bytes(end - start)
    path.write_bytes(data)
    return path


BAD_INPUTS: dict[str, tuple[Callable[[Path], Path], str]] = {
    "missing": (_missing, "does not exist"),
    "a folder": (_folder, "is a folder"),
    "empty": (_file(b""), "is empty"),
    "text": (_file(b"Dear diary, today I saw a film.\n" * 40), "not a video"),
    "noise": (_file(np.random.default_rng(3).bytes(5000)), "not a video"),
    "sound only": (_sound_only, "holds no video"),
    "a cover only": (_cover_only, "holds no video"),
    "cut before its index": (_without_index, "not a video"),
    "too small": (_tiny, "8x8"),
}


@pytest.mark.parametrize("case", BAD_INPUTS)
def test_bad_input_is_one_clear_line(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make, said = BAD_INPUTS[case]
    source = make(tmp_path)
    message = _refused(SourceError, 3, source, tmp_path / "out.mp4")
    assert said in message
    assert source.name in message
    assert cli.run(["redact", str(source), str(tmp_path / "out.mp4")]) == 3
    assert capsys.readouterr().err == f"stream-anon: {message}\n"


def test_pictures_of_noise_are_never_shown(tmp_path: Path) -> None:
    source = _headless(tmp_path)
    try:
        summary = stream_anon.redact(source, tmp_path / "out.mp4")
    except SourceError:
        assert _names(tmp_path) == ["in.mp4"]
    else:
        assert not summary.complete
        assert sum(summary.hidden_whole.values()) == summary.frames


@pytest.mark.parametrize("codec", ["default", "not default"])
def test_a_cover_picture_is_neither_chosen_nor_copied(codec: str, tmp_path: Path) -> None:
    source = write(tmp_path / "in.mp4", cover=True)
    with av.open(str(source)) as file:
        assert len(file.streams.video) == 2, "the test needs a cover larger than the video"
    stream_anon.redact(source, tmp_path / "out.mp4", audio="copy")
    with av.open(str(tmp_path / "out.mp4")) as file:
        assert len(file.streams) == 1
        assert (file.streams.video[0].width, file.streams.video[0].height) == (320, 180)


def test_tags_chapters_and_extra_streams_do_not_come_along(tmp_path: Path) -> None:
    secret = "Ada-Lovelace-52.5200"
    tags = {
        "title": secret, "comment": secret, "location": "+52.5200+013.4050/", "artist": secret,
    }  # fmt: skip
    for end in ("mp4", "mkv", "mov"):
        source = write(
            tmp_path / f"in.{end}", metadata=tags, chapters=True, cover=end != "mkv",
            tones=[Tone()], subtitles="subrip" if end == "mkv" else "mov_text",
        )  # fmt: skip
        assert secret.encode() in source.read_bytes()
        assert b"at home" in source.read_bytes()
        for after in ("mp4", "mkv"):
            output = tmp_path / f"out-{end}.{after}"
            stream_anon.redact(source, output, audio="copy")
            data = output.read_bytes()
            for word in (secret, "+52.52", "at home", "Hello from home"):
                assert word.encode() not in data
            with av.open(str(output)) as file:
                assert not {"title", "comment", "location", "artist"} & set(file.metadata)
                assert not file.chapters()
                assert [s.type for s in file.streams] == ["video", "audio"]


def test_what_hides_inside_pictures_does_not_come_along(tmp_path: Path) -> None:
    source = write(tmp_path / "plain.mp4", frames=5, options={"udu_sei": "1"})
    assert b"x264 - core" in source.read_bytes(), "the test needs a user data message"
    secret = b"TAKEN-BY-ADA-0000"
    data = source.read_bytes().replace(b"x264 - core", secret[:11])
    source.write_bytes(data)
    frame = pictures(source)[0]
    assert len(frame.side_data) > 0, "the test needs a decoder that hands it on"
    stream_anon.redact(source, tmp_path / "out.mp4", settings={"output.encoder": "libx264"})
    assert secret[:11] not in (tmp_path / "out.mp4").read_bytes()
    assert all(
        "TAKEN" not in bytes(side).decode("latin1")
        for picture in pictures(tmp_path / "out.mp4")
        for side in cast("Any", picture.side_data)
    )


# -- cut short --------------------------------------------------------------------------------


def _textured(path: Path, **more: Any) -> Path:
    return write(path, frames=FRAMES, pictures=PICTURES, gop=GOP, **more)


TRUNCATED: dict[str, dict[str, Any]] = {
    "in.mp4": {"container_options": {"movflags": "faststart"}},
    "in.mov": {"container_options": {"movflags": "faststart"}, "tones": [Tone(seconds=2)]},
    "in.mkv": {},
    "in.webm": {"codec": "libvpx-vp9"},
    "hevc.mkv": {"codec": "libx265"},
    "in.avi": {"codec": "mpeg4"},
}


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("name", TRUNCATED)
def test_what_can_be_read_of_a_cut_file_is_redacted_and_the_loss_is_told(
    name: str, share: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = _textured(tmp_path / name, **TRUNCATED[name])
    data = source.read_bytes()
    source.write_bytes(data[: int(len(data) * share)])
    output = tmp_path / "out.mp4"
    assert cli.run(["redact", str(source), str(output)]) == 6
    told = capsys.readouterr().err
    kept = len(pictures(output))
    assert 0 < kept < FRAMES
    assert f"about {FRAMES - kept} frames of the input could not be read" in told


def test_a_cut_stream_is_redacted_as_far_as_it_goes(tmp_path: Path) -> None:
    source = _textured(tmp_path / "in.ts")
    data = source.read_bytes()
    source.write_bytes(data[: len(data) // 2])
    summary = stream_anon.redact(source, tmp_path / "out.mp4")
    assert 15 < summary.frames < 35


# -- damaged in the middle --------------------------------------------------------------------


def _lumas(path: Path) -> Lumas:
    """Luma planes by time in seconds, of everything that decodes, damaged or not."""
    found: Lumas = {}
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        stream.thread_type = "AUTO"
        stream.codec_context.flags |= av.codec.context.Flags.output_corrupt
        for packet in file.demux(stream):
            with suppress(av.error.FFmpegError):
                for picture in packet.decode():
                    plane = picture.planes[0]
                    rows = np.frombuffer(bytes(plane), np.uint8).reshape(plane.height, -1)
                    found[seconds(picture)] = rows[:, : plane.width]
    return found


def _detail(luma: NDArray[np.uint8]) -> float:
    """How much a picture changes from one pixel to another not far away."""
    return float(np.abs(np.diff(luma[:, ::8].astype(int), axis=1)).mean())


def _likeness(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def _payloads(path: Path) -> list[tuple[int, int]]:
    """Where the coded pictures lie in the file: position and size."""
    with av.open(str(path)) as file:
        return [(p.pos, p.size) for p in file.demux(video=0) if p.size and p.pos is not None]


def _blanked(data: bytearray, at: int, length: int) -> None:
    data[at : at + length] = bytes(length)


def _noised(data: bytearray, at: int, length: int) -> None:
    data[at : at + length] = np.random.default_rng(7).bytes(length)


def _hurt(source: Path, how: Callable[[bytearray, int, int], None], frame: int) -> None:
    """Damage the middle of one coded picture."""
    data = bytearray(source.read_bytes())
    at, size = _payloads(source)[frame]
    how(data, at + size // 3, max(150, size // 3))
    source.write_bytes(data)


def _assert_no_leak(clean: Lumas, damaged: Lumas, output: Path) -> int:
    """Every frame that differs from the intact one is hidden whole; returns how many do."""
    written = _lumas(output)
    differing = 0
    for time, luma in damaged.items():
        if np.abs(luma.astype(int) - clean[time]).max() <= 60:
            continue
        differing += 1
        assert _detail(written[time]) < _detail(clean[time]) / 4, f"frame at {time} shows detail"
    return differing


HURT = {
    "h264.mp4": ({}, _noised),
    "blank-h264.mkv": ({}, _blanked),
    "blank-h264.mp4": ({}, _blanked),
    "blank-hevc.mp4": ({"codec": "libx265"}, _blanked),
    "blank-vp9.webm": ({"codec": "libvpx-vp9"}, _blanked),
    "blank-av1.mp4": ({"codec": "libsvtav1"}, _blanked),
    "mpeg2.mkv": ({"codec": "mpeg2video"}, _noised),
}


@pytest.mark.parametrize("frame", [0, GOP, GOP + 3])
@pytest.mark.parametrize("name", HURT)
def test_damaged_frames_are_hidden_up_to_the_next_intact_keyframe(
    name: str, frame: int, tmp_path: Path
) -> None:
    options, how = HURT[name]
    source = _textured(tmp_path / name, **options)
    clean = _lumas(source)
    _hurt(source, how, frame)
    damaged = _lumas(source)
    output = tmp_path / "out.mp4"
    summary = stream_anon.redact(source, output, settings={"output.quality": 5})
    differing = _assert_no_leak(clean, damaged, output)
    assert summary.hidden_whole["damaged input"] or summary.lost_frames
    assert not summary.complete
    assert summary.hidden_whole["damaged input"] >= differing
    last = sorted(clean)[-5:]
    written = _lumas(output)
    for time in last:  # intact again
        assert _likeness(written[time], clean[time]) > 0.95
    if "h264" in name and frame % GOP:
        assert differing > 0, "the test needs damage that shows"
        assert summary.frames == FRAMES
        assert times(output) == times(source)


@pytest.mark.parametrize("codec", ["libx264", "libx265", "mpeg2video"])
@pytest.mark.parametrize("seed", range(3))
def test_lost_transport_packets_hide_what_depends_on_them(
    seed: int, codec: str, tmp_path: Path
) -> None:
    source = _textured(tmp_path / "in.ts", codec=codec)
    clean = _lumas(source)
    data = bytearray(source.read_bytes())
    at = int(np.random.default_rng(seed).integers(20, len(data) // 188 * 2 // 3)) * 188
    del data[at : at + 3 * 188]
    source.write_bytes(data)
    damaged = {time: luma for time, luma in _lumas(source).items() if time in clean}
    output = tmp_path / "out.mp4"
    summary = stream_anon.redact(source, output, settings={"output.quality": 5})
    _assert_no_leak(clean, damaged, output)
    assert not summary.complete
    assert summary.hidden_whole["damaged input"] > 0
    last = max(clean)
    assert _likeness(_lumas(output)[last], clean[last]) > 0.95


def _without(source: Path, target: Path, gone: Iterable[int]) -> Path:
    """A copy without some of the video's packets."""
    left_out = set(gone)
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0], opaque=True)
        for number, packet in enumerate(p for p in old.demux(video=0) if p.size):
            if number not in left_out:
                packet.stream = stream
                new.mux(packet)
    return target


@pytest.mark.parametrize("end", ["mkv", "ts", "mp4"])
@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_what_follows_a_missing_keyframe_is_hidden(codec: str, end: str, tmp_path: Path) -> None:
    plain = _textured(tmp_path / "plain.mkv", codec=codec, options={"bf": "0"})
    source = _without(plain, tmp_path / f"in.{end}", [2 * GOP])
    clean, damaged = _lumas(plain), _lumas(source)
    output = tmp_path / "out.mp4"
    summary = stream_anon.redact(source, output, settings={"output.quality": 5})
    assert _assert_no_leak(clean, damaged, output) > 0
    assert not summary.complete
    assert summary.frames < FRAMES
    last = max(clean)
    assert _likeness(_lumas(output)[last], clean[last]) > 0.95


@pytest.mark.parametrize("codec", ["libx264", "libx265", "mpeg2video"])
def test_a_video_that_starts_in_the_middle_shows_nothing_before_its_first_keyframe(
    codec: str, tmp_path: Path
) -> None:
    plain = _textured(tmp_path / "plain.ts", codec=codec)
    data = plain.read_bytes()
    tables = data[: 3 * 188]
    source = tmp_path / "in.ts"
    first = _payloads(plain)[3][0] // 188 * 188
    source.write_bytes(tables + data[first:])
    clean, damaged = _lumas(plain), _lumas(source)
    output = tmp_path / "out.mp4"
    summary = stream_anon.redact(source, output, settings={"output.quality": 5})
    _assert_no_leak(clean, {t: luma for t, luma in damaged.items() if t in clean}, output)
    assert summary.frames > FRAMES // 2
    last = max(clean)
    assert _likeness(_lumas(output)[last], clean[last]) > 0.95


def test_an_intact_file_with_zeros_and_pauses_hides_nothing(tmp_path: Path) -> None:
    black = [np.zeros((180, 320, 3), np.uint8)] * 20
    for name, codec in (("in.mp4", "libx264"), ("in.webm", "libvpx-vp9"), ("in.mkv", "libsvtav1")):
        pts = [0, *range(40, 800, 80), *range(900, 1260, 40)]
        source = write(
            tmp_path / name, codec=codec, frames=len(pts), pictures=black, pts=pts,
            time_base=Fraction(1, 1000),
        )  # fmt: skip
        assert stream_anon.redact(source, tmp_path / "out.mp4", overwrite=True).complete


# -- a size that changes ----------------------------------------------------------------------


@pytest.mark.parametrize("size", [(160, 180), (480, 270), (180, 320)])
@pytest.mark.parametrize("end", ["ts", "h264"])
def test_another_size_is_fitted_into_the_first_one(
    end: str, size: tuple[int, int], tmp_path: Path
) -> None:
    white = [np.full((size[1], size[0], 3), 255, np.uint8)] * 20
    parts = [
        write(tmp_path / f"1.{end}", frames=20, pictures=PICTURES[:20]),
        write(tmp_path / f"2.{end}", frames=20, size=size, pictures=white),
    ]
    source = tmp_path / f"in.{end}"
    source.write_bytes(b"".join(part.read_bytes() for part in parts))
    output = tmp_path / "out.mp4"
    summary = stream_anon.redact(source, output)
    assert summary.frames == 40
    written = _lumas(output)
    assert {luma.shape for luma in written.values()} == {(180, 320)}
    last = written[max(written)]
    scale = min(320 / size[0], 180 / size[1])
    width, height = size[0] * scale, size[1] * scale
    assert (last > 200).mean() == pytest.approx(width * height / (320 * 180), abs=0.03)
    assert last[90, 160] > 225, "in the middle"
    after = sorted(written)
    assert all(a < b for a, b in pairwise(after))


# -- the output -------------------------------------------------------------------------------


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "input"
    folder.mkdir()
    return write(folder / "in.mp4", frames=10)


def test_a_missing_folder_is_named(source: Path, tmp_path: Path) -> None:
    message = _refused(SinkError, 4, source, tmp_path / "nowhere" / "out.mp4")
    assert "nowhere" in message
    assert "does not exist" in message


@pytest.mark.parametrize("end", ["mp4", "mkv", "ts"])
def test_a_folder_that_cannot_be_written_to_is_named(end: str, source: Path) -> None:
    # Not even root can make a file in here.
    message = _refused(SinkError, 4, source, Path("/proc") / f"out.{end}")
    assert "/proc" in message


def test_a_read_only_folder_is_named(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = av.open

    def refuse(name: str, *more: Any, **named: Any) -> Any:
        if more == ("w",):
            raise av.error.PermissionError(errno.EACCES, "Permission denied", "file:/secret.part")
        return real(name, *more, **named)

    monkeypatch.setattr(av, "open", refuse)
    message = _refused(SinkError, 4, source, tmp_path / "out.mp4")
    assert "cannot be written to" in message
    assert "secret" not in message


def test_an_output_that_is_a_folder_is_refused(source: Path, tmp_path: Path) -> None:
    (tmp_path / "out.mp4").mkdir()
    assert "is a folder" in _refused(SinkError, 4, source, tmp_path / "out.mp4", overwrite=True)


LIMITED = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
from stream_anon import cli
sys.exit(cli.run(["redact", {source!r}, {output!r}]))
"""


@pytest.mark.parametrize("limit", [0, 5_000, 20_000])
@pytest.mark.parametrize("end", ["mp4", "mkv", "ts"])
def test_a_full_disk_is_said_and_leaves_nothing(end: str, limit: int, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    source = _textured(tmp_path / "in.mp4")
    output = folder / f"out.{end}"
    script = LIMITED.format(limit=limit, source=str(source), output=str(output))
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert done.returncode == 4, done.stderr
    assert "no space left" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert _names(folder) == []


@pytest.mark.parametrize("when", ["mux", "close"])
def test_a_disk_that_fills_up_keeps_the_old_output(
    when: str, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "out.mp4"
    output.write_bytes(b"precious")
    real = av.open

    class Full:
        def __init__(self, container: Any) -> None:
            self._container = container

        def __getattr__(self, name: str) -> Any:
            return self._full if name == when else getattr(self._container, name)

        def _full(self, *_: object) -> None:
            self._container.close()
            raise av.error.OSError(errno.ENOSPC, "No space left on device", "file:/secret")

    def opened(name: str, *more: Any, **named: Any) -> Any:
        container = real(name, *more, **named)
        return Full(container) if more == ("w",) else container

    monkeypatch.setattr(av, "open", opened)
    message = _refused(stream_anon.DiskFullError, 4, source, output, overwrite=True)
    assert "no space left" in message
    assert "secret" not in message
    assert output.read_bytes() == b"precious"


def _itself(source: Path, _: Path) -> Path:
    return source


def _dotted(source: Path, _: Path) -> Path:
    return source.parent / ".." / source.parent.name / source.name


def _symlink(source: Path, folder: Path) -> Path:
    (folder / "link.mp4").symlink_to(source)
    return folder / "link.mp4"


def _hardlink(source: Path, folder: Path) -> Path:
    os.link(source, folder / "link.mp4")
    return folder / "link.mp4"


@pytest.mark.parametrize("name", [_itself, _dotted, _symlink, _hardlink])
def test_the_input_is_never_overwritten(
    name: Callable[[Path, Path], Path], source: Path, tmp_path: Path
) -> None:
    before = source.read_bytes()
    output = name(source, tmp_path)
    _refused(ConfigError, 2, source, output, overwrite=True)
    assert source.read_bytes() == before


@pytest.mark.parametrize("encoder", ["aac", "nope", "subrip"])
def test_an_encoder_that_is_none_for_video_is_refused(
    encoder: str, source: Path, tmp_path: Path
) -> None:
    settings = {"output.encoder": encoder}
    message = _refused(SinkError, 4, source, tmp_path / "out.mp4", settings=settings)
    assert repr(encoder) in message


def test_an_encoder_that_the_container_does_not_take_is_refused(
    source: Path, tmp_path: Path
) -> None:
    settings = {"output.encoder": "libx264"}
    message = _refused(SinkError, 4, source, tmp_path / "out.webm", settings=settings)
    assert "webm" in message


def test_an_unknown_preset_is_refused(
    source: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = {"output.preset": "quick"}
    message = _refused(ConfigError, 2, source, tmp_path / "out.mp4", settings=settings)
    assert "'quick'" in message
    assert "veryfast" in message
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("name", ["out.xyz", "out", "out.mp4.txt"])
def test_an_unknown_ending_is_refused(name: str, source: Path, tmp_path: Path) -> None:
    message = _refused(SinkError, 4, source, tmp_path / name)
    assert name in message
    assert ".mp4" in message


def test_an_existing_output_is_untouched_unless_asked(source: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    output.write_bytes(b"precious")
    _refused(OutputExistsError, 4, source, output)
    assert output.read_bytes() == b"precious"
    stream_anon.redact(source, output, overwrite=True)
    assert len(pictures(output)) == 10


def test_an_existing_output_survives_a_run_that_fails(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "out.mp4"
    output.write_bytes(b"precious")
    monkeypatch.setattr(media_sink.MediaSink, "_count", lambda _: 9)
    message = _refused(SinkError, 4, source, output, overwrite=True)
    assert "9 frames but 10" in message
    assert output.read_bytes() == b"precious"
