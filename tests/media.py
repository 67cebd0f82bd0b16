"""Test media, made on the spot: pictures whose content is known, in any container and codec."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import av
import numpy as np

from stream_anon.core.process_state import no_realtime
from tests.patterns import BT601, BT709, FULL, LIMITED, SIZE, bars, texture, to_rgb

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

    from tests.patterns import Rgb

    Sound: TypeAlias = NDArray[np.float32]

FRAMES = 10


# -- writing ----------------------------------------------------------------------------------


@dataclass
class Tone:
    """A sound track of clicks and a hum."""

    codec: str = "aac"
    rate: int = 48000
    layout: str = "stereo"
    seconds: float = 1.0
    clicks: Sequence[float] = ()
    start: float = 0.0
    gap: tuple[float, float] | None = None
    """No packets from the first to the second time, in seconds."""
    samples: Sound | None = None
    """Instead of clicks and a hum, one channel."""
    format: str | None = None


@dataclass
class Video:
    """What to write; the defaults make an ordinary small H.264 file."""

    frames: int = FRAMES
    size: tuple[int, int] = SIZE
    codec: str = "libx264"
    pix_fmt: str = "yuv420p"
    container: str | None = None
    rate: int = 25
    time_base: Fraction | None = None
    pts: Sequence[int] | None = None
    duration: int | None = None
    """Of each frame, in units of the time base."""
    rotation: float = 0.0
    """Degrees counter-clockwise, for the display matrix."""
    mirrored: bool = False
    aspect: Fraction | None = None
    full_range: bool = False
    matrix: int = BT601
    tagged: bool = True
    options: dict[str, str] = field(default_factory=dict)
    container_options: dict[str, str] = field(default_factory=dict)
    gop: int | None = None
    pictures: Sequence[Rgb] | None = None
    tones: Sequence[Tone] = ()
    subtitles: str | None = None
    """Encoder of a subtitle stream with one line of text."""
    metadata: dict[str, str] = field(default_factory=dict)
    chapters: bool = False
    cover: bool = False
    captions: bool = False
    """Closed captions on each frame."""


def write(path: Path, **what: Any) -> Path:
    """Write a video as `Video(**what)` says."""
    video = Video(**what)
    with av.open(
        str(path), "w", format=video.container, container_options=video.container_options
    ) as output:
        output.metadata.update(video.metadata)
        stream = _add_video(output, video)
        sounds = [(_add_sound(output, tone), tone) for tone in video.tones]
        text = _add_text(output, video.subtitles) if video.subtitles else None
        cover = _add_cover(output) if video.cover else None
        if video.chapters:
            output.set_chapters(
                [
                    {
                        "id": 1,
                        "start": 0,
                        "end": 100,
                        "time_base": Fraction(1, 1000),
                        "metadata": {"title": "at home"},
                    }
                ]
            )
        with no_realtime():  # which SVT-AV1 would give to whoever writes, and to their children
            output.start_encoding()
        if cover is not None:
            _mux_cover(output, cover)
        for sound, tone in sounds:
            _mux_sound(output, sound, tone)
        for number in range(video.frames):
            _mux(output, stream.encode(_picture(video, number)), video)
        _mux(output, stream.encode(None), video)
        if text is not None:
            _mux_text(output, text)
    return path


def _add_video(output: OutputContainer, video: Video) -> VideoStream:
    options = {"crf": "12", "preset": "ultrafast"} if "libx26" in video.codec else {}
    if video.codec == "libx265":
        options["x265-params"] = "log-level=error"
    if video.codec == "libsvtav1":
        options = {"crf": "20", "preset": "12", "svtav1-params": "lp=2"}
    if video.codec == "libvpx-vp9":
        options = {"crf": "10", "b": "0", "deadline": "realtime", "cpu-used": "8"}
    if video.codec in {"mpeg4", "mjpeg", "mpeg2video"}:
        options = {"qmin": "1", "qmax": "3"}
    if video.gop:
        options["g"] = str(video.gop)
    stream = cast(
        "VideoStream",
        output.add_stream(video.codec, rate=video.rate, options=options | video.options),
    )
    stream.width, stream.height = video.size
    stream.pix_fmt = video.pix_fmt
    context = stream.codec_context
    context.time_base = video.time_base or Fraction(1, video.rate)
    stream.time_base = context.time_base
    if video.aspect:
        context.sample_aspect_ratio = video.aspect
    if video.tagged and not _is_rgb(video.pix_fmt):
        context.color_range = FULL if video.full_range else LIMITED
        context.colorspace = video.matrix
    if video.rotation or video.mirrored:
        stream.set_display_rotation(video.rotation, hflip=video.mirrored)
    return stream


def _is_rgb(pix_fmt: str) -> bool:
    return pix_fmt.startswith(("rgb", "bgr", "gbr", "pal", "argb"))


def _picture(video: Video, number: int) -> av.VideoFrame:
    rgb = video.pictures[number] if video.pictures else bars(number, video.size)
    picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
    if _is_rgb(video.pix_fmt):
        picture = picture.reformat(format=video.pix_fmt)
    else:
        picture = picture.reformat(
            format=video.pix_fmt,
            dst_colorspace=1 if video.matrix == BT709 else 5,
            src_color_range=FULL,
            dst_color_range=FULL if video.full_range else LIMITED,
            interpolation="AREA",
        )
        picture.color_range = FULL if video.full_range else LIMITED
        picture.colorspace = video.matrix
    picture.time_base = video.time_base or Fraction(1, video.rate)
    picture.pts = video.pts[number] if video.pts else number
    return picture


def _mux(output: OutputContainer, packets: list[Any], video: Video) -> None:
    for packet in packets:
        if video.duration:
            packet.duration = video.duration
        output.mux(packet)


def _add_sound(output: OutputContainer, tone: Tone) -> AudioStream:
    stream = cast("AudioStream", output.add_stream(tone.codec, rate=tone.rate, layout=tone.layout))
    if tone.format:
        stream.format = tone.format
    return stream


def hum(tone: Tone) -> Sound:
    """One channel: a quiet hum with harmonics, and a loud burst of 20 ms at each click."""
    time = np.arange(round(tone.seconds * tone.rate)) / tone.rate
    sound = sum(0.05 / k * np.sin(2 * np.pi * 150 * k * time) for k in range(1, 12))
    noise = np.random.default_rng(5).uniform(-0.8, 0.8, len(time))
    for click in tone.clicks:
        near = (time >= click) & (time < click + 0.02)
        sound = np.where(near, noise, sound)
    return np.asarray(sound, np.float32)


def _mux_sound(output: OutputContainer, stream: AudioStream, tone: Tone) -> None:
    one = tone.samples if tone.samples is not None else hum(tone)
    channels = stream.codec_context.layout.nb_channels
    sound = np.repeat(one[None], channels, axis=0)
    resampler = av.AudioResampler(
        stream.codec_context.format.name, tone.layout, tone.rate, frame_size=0
    )
    step = stream.codec_context.frame_size or 1024
    for at in range(0, sound.shape[1], step):
        time = at / tone.rate
        if tone.gap and tone.gap[0] <= time < tone.gap[1]:
            continue
        block = np.ascontiguousarray(sound[:, at : at + step], np.float32)
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=tone.layout)
        frame.sample_rate = tone.rate
        frame.pts = at + round(tone.start * tone.rate)
        frame.time_base = Fraction(1, tone.rate)
        for even in resampler.resample(frame):
            output.mux(stream.encode(even))
    output.mux(stream.encode(None))


TEXT = "Hello from home"
ASS_HEADER = b"""[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold
Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


def _add_text(output: OutputContainer, codec: str) -> Any:
    stream: Any = output.add_stream(codec)
    stream.codec_context.subtitle_header = ASS_HEADER
    stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
    return stream


def _mux_text(output: OutputContainer, stream: Any) -> None:
    text = TEXT.encode()
    if stream.codec_context.name == "mov_text":
        text = len(text).to_bytes(2, "big") + text
    if stream.codec_context.name == "ass":
        text = b"0,0,Default,,0,0,0,," + text
    packet = av.Packet(text)
    packet.stream = stream
    packet.time_base = Fraction(1, 1000)
    packet.pts = packet.dts = 40
    packet.duration = 200
    output.mux(packet)


def _add_cover(output: OutputContainer) -> VideoStream:
    stream = output.add_stream("png", rate=1)
    stream.width, stream.height, stream.pix_fmt = 640, 480, "rgb24"
    stream.disposition = av.stream.Disposition.attached_pic
    return stream


def _mux_cover(output: OutputContainer, stream: VideoStream) -> None:
    picture = av.VideoFrame.from_ndarray(texture(0, (640, 480)), format="rgb24")
    picture.pts, picture.time_base = 0, Fraction(1, 25)
    output.mux(stream.encode(picture))
    output.mux(stream.encode(None))


GOP = 10
LONG = 50


def write_textured(path: Path, **more: Any) -> Path:
    """`LONG` frames in which damage shows, a keyframe every `GOP` frames."""
    textures = [texture(number) for number in range(LONG)]
    return write(path, **{"frames": LONG, "pictures": textures, "gop": GOP, **more})


# -- reading ----------------------------------------------------------------------------------


def pictures(path: Path) -> list[av.VideoFrame]:
    """Every decoded picture of the first video stream, in order."""
    with av.open(str(path)) as file:
        return list(file.decode(file.streams.video[0]))


def shown(path: Path) -> list[Rgb]:
    """What a player shows, frame by frame; rotation is not applied."""
    return [to_rgb(picture) for picture in pictures(path)]


def seconds(thing: Any) -> Fraction:
    """When a picture is shown or a packet due."""
    return Fraction(thing.pts * thing.time_base)


def times(path: Path) -> list[Fraction]:
    """When each frame is shown, in seconds."""
    return [seconds(picture) for picture in pictures(path)]


def packets(path: Path, kind: str, number: int = 0) -> list[tuple[Fraction, bytes]]:
    """Time in seconds and payload of each packet of one stream."""
    with av.open(str(path)) as file:
        stream = [s for s in file.streams if s.type == kind][number]
        return [(seconds(p), bytes(p)) for p in file.demux(stream) if p.size]


def sound(path: Path, number: int = 0) -> tuple[float, int, Sound]:
    """Start in seconds, sample rate, and samples (channels, samples); gaps are silence."""
    with av.open(str(path)) as file:
        stream = file.streams.audio[number]
        rate = stream.codec_context.sample_rate
        resampler = av.AudioResampler("fltp", stream.codec_context.layout, rate)
        start: Fraction | None = None
        blocks: list[tuple[int, Sound]] = []
        for frame in file.decode(stream):
            at = seconds(frame)
            start = at if start is None else start
            for even in resampler.resample(frame):
                block = cast("Sound", even.to_ndarray())
                blocks.append((round((at - start) * rate), block))
    length = max(at + block.shape[1] for at, block in blocks)
    whole = np.zeros((blocks[0][1].shape[0], length), np.float32)
    for place, block in blocks:
        whole[:, place : place + block.shape[1]] = block
    return float(start or 0), rate, whole
