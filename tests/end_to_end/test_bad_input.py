"""Bad input: one clear line, the right exit code, and nothing lost or left over."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import av
import numpy as np
import pytest

import stream_anon
from stream_anon import SourceError
from stream_anon.cli import main as cli
from stream_anon.core.demuxers import demux
from tests.media import LONG, Tone, pictures, write, write_textured
from tests.refusals import names, refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Lumas = dict[Fraction, NDArray[np.uint8]]

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
    path = write(folder / "in.mp4", frames=LONG)
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"moov")])
    return path


def _tiny(folder: Path) -> Path:
    black = np.zeros((8, 8, 3), np.uint8)
    return write(folder / "in.mkv", codec="ffv1", size=(8, 8), frames=2, pictures=[black] * 2)


def _unknown_codec(folder: Path) -> Path:
    """A video of a codec that nobody knows: FFmpeg gives its stream no size and no decoder."""
    path = write(folder / "in.mkv")
    path.write_bytes(path.read_bytes().replace(b"V_MPEG4/ISO/AVC", b"V_MPEG9/ISO/AVC"))
    return path


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
    "sound only": (_sound_only, "contains no video"),
    "a cover only": (_cover_only, "contains no video"),
    "cut before its index": (_without_index, "not a video"),
    "too small": (_tiny, "8x8"),
    "an unknown codec": (_unknown_codec, "uses a video codec that this FFmpeg cannot decode"),
}


@pytest.mark.parametrize("case", BAD_INPUTS)
def test_bad_input_is_one_clear_line(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make, said = BAD_INPUTS[case]
    source = make(tmp_path)
    message = refused(SourceError, 3, source, tmp_path / "out.mp4")
    assert said in message
    assert source.name in message
    assert cli.run(["redact", str(source), str(tmp_path / "out.mp4")]) == 3
    assert capsys.readouterr().err == f"stream-anon: {message}\n"


def test_pictures_of_noise_are_never_shown(tmp_path: Path) -> None:
    source = _headless(tmp_path)
    try:
        summary = stream_anon.redact(source, tmp_path / "out.mp4")
    except SourceError:
        assert names(tmp_path) == ["in.mp4"]
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
    source = write_textured(tmp_path / name, **TRUNCATED[name])
    data = source.read_bytes()
    source.write_bytes(data[: int(len(data) * share)])
    output = tmp_path / "out.mp4"
    assert cli.run(["redact", str(source), str(output)]) == 6
    told = capsys.readouterr().err
    kept = len(pictures(output))
    assert 0 < kept < LONG
    assert f"about {LONG - kept} frames of the input could not be read" in told


def test_a_cut_stream_is_redacted_as_far_as_it_goes(tmp_path: Path) -> None:
    source = write_textured(tmp_path / "in.ts")
    data = source.read_bytes()
    source.write_bytes(data[: len(data) // 2])
    summary = stream_anon.redact(source, tmp_path / "out.mp4")
    assert 15 < summary.frames < 35


@pytest.mark.parametrize("name", ["in.avi", "in.mkv", "in.mp4"])
def test_a_cut_between_two_pictures_is_a_loss_too(name: str, tmp_path: Path) -> None:
    source = write_textured(tmp_path / name, **TRUNCATED[name])
    with av.open(str(source)) as file:
        read = [p for p in file.demux(video=0) if p.size]
    last = read[LONG - 4]
    assert last.pos is not None
    source.write_bytes(source.read_bytes()[: last.pos + last.size])
    summary = stream_anon.redact(source, tmp_path / "out.mp4")
    assert summary.frames in ({LONG - 4, LONG - 3} if name == "in.mkv" else {LONG - 3})
    assert summary.lost_frames == LONG - summary.frames
    assert not summary.complete


def _late_sound(path: Path) -> None:
    """Add a packet of sound in the middle of an FLV whose head announces none."""
    data = path.read_bytes()
    at = 13  # behind the head
    for _ in range(6):
        at += 15 + int.from_bytes(data[at + 1 : at + 4], "big")
    sound = b"\x2f" + bytes(40)
    tag = b"\x08" + len(sound).to_bytes(3, "big") + bytes(7) + sound
    path.write_bytes(data[:at] + tag + len(tag).to_bytes(4, "big") + data[at:])


def test_a_stream_that_appears_in_the_middle_costs_nothing(tmp_path: Path) -> None:
    source = write(tmp_path / "in.flv", frames=20)
    _late_sound(source)
    summary = stream_anon.redact(source, tmp_path / "out.mp4", audio="copy")
    assert (summary.frames, summary.lost_packets) == (20, 0)


def test_pyav_may_stumble_over_it_at_the_end(tmp_path: Path) -> None:
    """Whether it does depends on what lies in memory, so a stand-in does it here."""

    class Stumbling:
        def demux(self, *streams: object) -> Iterator[object]:
            yield from streams
            raise IndexError("list index out of range")

    packets: list[Any] = list(demux(cast("Any", Stumbling()), cast("Any", 1), cast("Any", 2)))
    assert packets == [1, 2]


def test_nobody_reads_packets_past_that() -> None:
    root = Path(stream_anon.__file__).parent
    direct = {
        path.name
        for path in root.rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if ".demux(" in line
    }
    assert direct == {"demuxers.py", "file.py"}, "file.py reads what was just written"
