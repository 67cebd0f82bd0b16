"""Test media, made on the spot: pictures whose content is known, in any container and codec."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import av
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

    Rgb: TypeAlias = NDArray[np.uint8]
    Sound: TypeAlias = NDArray[np.float32]

SIZE = (320, 180)
FRAMES = 10
BARS = (
    (191, 191, 191), (191, 191, 0), (0, 191, 191), (0, 191, 0),
    (191, 0, 191), (191, 0, 0), (0, 0, 191), (40, 40, 40),
)  # fmt: skip
"""75 % colour bars, left to right, as red, green and blue."""
BITS = 6
"""Binary digits of the frame number in the lower part of the picture, highest first."""
LIMITED, FULL = 1, 2
BT709, BT601 = 1, 6


# -- pictures ---------------------------------------------------------------------------------


def bars(index: int, size: tuple[int, int] = SIZE) -> Rgb:
    """Colour bars above, the frame number as black and white blocks below, RGB."""
    width, height = size
    picture = np.zeros((height, width, 3), np.uint8)
    edges = np.linspace(0, width, len(BARS) + 1).round().astype(int)
    for color, left, right in zip(BARS, edges, edges[1:], strict=False):
        picture[:, left:right] = color
    picture[height * 2 // 3 :] = 0
    edges = np.linspace(0, width, BITS + 1).round().astype(int)
    for bit, left, right in zip(range(BITS)[::-1], edges, edges[1:], strict=False):
        picture[height * 2 // 3 :, left:right] = 255 * (index >> bit & 1)
    return picture


def texture(index: int, size: tuple[int, int] = SIZE, seed: int = 1) -> Rgb:
    """Smooth noise that moves, RGB: damage anywhere in it shows."""
    width, height = size
    small = np.random.default_rng(seed).integers(30, 226, (height // 8 + 8, width // 8 + 8, 3))
    large = small.astype(np.uint8).repeat(8, axis=0).repeat(8, axis=1)
    return large[index : index + height, 2 * index : 2 * index + width]


def moving(index: int, size: tuple[int, int] = SIZE) -> Rgb:
    """A texture that moves slowly, with the frame number of `bars` in a narrow strip, RGB."""
    height = size[1]
    picture = texture(0, (size[0] + 64, height))[:, index : index + size[0]].copy()
    strip = slice(height * 4 // 5, height * 13 // 15)
    picture[strip] = bars(index, size)[strip]
    return picture


def number_shown(picture: Rgb) -> int:
    """The frame number that `bars` wrote into a picture."""
    height, width, _ = picture.shape
    row = picture[height * 5 // 6]
    centres = [round(width * (bit + 0.5) / BITS) for bit in range(BITS)]
    return int("".join("01"[int(row[at].mean() > 127)] for at in centres), 2)


def bar_colors(picture: Rgb) -> NDArray[np.float64]:
    """Mean colour in the middle of each bar, shape (8, 3)."""
    height, width, _ = picture.shape
    rows = slice(height // 6, height // 2)
    centres = [round(width * (bar + 0.5) / len(BARS)) for bar in range(len(BARS))]
    reach = max(1, width // 40)
    return np.array([picture[rows, at - reach : at + reach].mean(axis=(0, 1)) for at in centres])


_WEIGHTS = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 2: (0.299, 0.114)}
"""Weights of red and blue in luma, by H.273 matrix."""


def to_rgb(picture: av.VideoFrame) -> Rgb:
    """What a player shows, by the picture's own tags; the formulas of H.273, not libswscale."""
    name = picture.format.name
    if picture.format.is_rgb or name == "pal8":
        return cast("Rgb", picture.to_ndarray(format="rgb24"))
    full = picture.color_range == FULL or name.startswith("yuvj")
    if name.startswith("gray"):
        shift = 2.0 ** (picture.format.components[0].bits - 8)
        luma = _luma(_plane(picture, 0) / shift, full or picture.color_range != LIMITED)
        return np.clip(np.stack([luma] * 3, axis=-1) * 255 + 0.5, 0, 255).astype(np.uint8)
    depth = picture.format.components[0].bits
    planes = [_plane(picture, number) / 2.0 ** (depth - 8) for number in range(3)]
    luma = _luma(planes[0], full)
    rows, columns = luma.shape
    cb, cr = (
        plane.repeat(-(-rows // plane.shape[0]), axis=0).repeat(
            -(-columns // plane.shape[1]), axis=1
        )[:rows, :columns]
        for plane in planes[1:]
    )
    span = 255.0 if full else 224.0
    cb, cr = (cb - 128) / span, (cr - 128) / span
    red_weight, blue_weight = _WEIGHTS[int(picture.colorspace)]
    red = luma + 2 * (1 - red_weight) * cr
    blue = luma + 2 * (1 - blue_weight) * cb
    green = (luma - red_weight * red - blue_weight * blue) / (1 - red_weight - blue_weight)
    return np.clip(np.stack([red, green, blue], axis=-1) * 255 + 0.5, 0, 255).astype(np.uint8)


def _luma(plane: NDArray[Any], full: bool) -> NDArray[np.float64]:
    return plane / 255.0 if full else (plane - 16.0) / 219.0


def _plane(picture: av.VideoFrame, number: int) -> NDArray[np.float64]:
    plane = picture.planes[number]
    deep = picture.format.components[0].bits > 8
    values = np.frombuffer(bytes(plane), np.uint16 if deep else np.uint8)
    rows = values.reshape(plane.height, -1)
    return rows[:, : plane.width].astype(np.float64)


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
    for at, block in blocks:
        whole[:, at : at + block.shape[1]] = block
    return float(start or 0), rate, whole
