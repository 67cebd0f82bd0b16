"""Synthesises a video of people whose faces' places are known exactly, for the demo and for tests.

Someone enters a room, turns, tilts the head, comes closer and leaves. The room stays empty for a
while. Then a hard cut to a reception: they come back while somebody else walks in the distance.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import av
import numpy as np
from footage_person import Corners, Picture, Pose, Puppet, make_puppet
from footage_room import ROWS, Room, living_room, reception
from footage_sound import SOUND_RATE, speech_like

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

VISIBLE_SHARE = 0.6
"""Faces count as in the picture when at least this share of their box is."""
CUT_AT = 0.75
"""When the scene changes, as a share of the length."""
BT709 = 1
MPEG_RANGE = 1


@dataclass(frozen=True, slots=True)
class Footage:
    """A synthesised video and the truth about it."""

    path: Path
    width: int
    height: int
    frames: int
    faces: list[dict[int, Corners]]
    """For each frame, person → box (x1, y1, x2, y2) around the face in pixels, cut off at the
    picture's edges. Faces of which less than 60 % is inside the picture are not listed."""


class _Key(NamedTuple):
    """A pose at one time; between two of them the person moves smoothly."""

    at: float
    """Share of the video's length."""
    pose: Pose


class _Role(NamedTuple):
    """What one person does in one scene."""

    person: int
    puppet: Puppet
    keys: list[_Key]


class _Scene(NamedTuple):
    room: Room
    distant: list[_Role]
    near: list[_Role]


def make_footage(
    path: Path,
    *,
    width: int = 1280,
    height: int = 720,
    seconds: float = 8.0,
    rate: int = 30,
    seed: int = 1,
    sound: bool = True,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
) -> Footage:
    """Write the video; the same arguments give the same file.

    Args:
        path: where to; the ending (.mp4, .mkv, ...) chooses the container.
        width: pixels across; meant for landscape, in narrow pictures people cover each other.
        height: pixels down.
        seconds: length, over which the whole story is spread.
        rate: frames per second.
        seed: sorts the books on the shelf and chooses the melody of the speech.
        sound: add a mono AAC track of 48 kHz.
        codec: FFmpeg's name of a video encoder.
        pix_fmt: FFmpeg's name of a pixel format that the encoder takes.

    Raises:
        av.error.FFmpegError: FFmpeg cannot write this combination.
    """
    scenes = _scenes(width, height, seed)
    frames = round(seconds * rate)
    faces: list[dict[int, Corners]] = []
    with av.open(str(path), "w") as container:
        video = _video_stream(container, codec, pix_fmt, width, height, rate)
        audio = container.add_stream("aac", rate=SOUND_RATE, layout="mono") if sound else None
        speech = speech_like(frames / rate, seed)
        for index in range(frames):
            picture, seen = _drawn(scenes, index / frames, height / ROWS)
            faces.append(seen)
            _encode_picture(container, video, picture, index)
            if audio is not None:
                _encode_sound(container, audio, speech, index, rate)
        for stream in (video, audio):
            if stream is not None:
                container.mux(stream.encode(None))
    return Footage(path, width, height, frames, faces)


def _scenes(width: int, height: int, seed: int) -> tuple[_Scene, _Scene]:
    """Before the cut and after it."""
    unit = height / ROWS
    edge = width / unit
    astronaut = make_puppet(round(1.5 * unit, 3))
    colleague = make_puppet(round(0.5 * unit, 3), mirrored=True, other_colors=True)
    visit = [
        _Key(0.0, Pose(-320, 310, 1.1, turn=30)),
        _Key(0.15, Pose(0.42 * edge, 310, 1.1)),
        _Key(0.21, Pose(0.42 * edge, 310, 1.1, turn=-50)),
        _Key(0.28, Pose(0.43 * edge, 310, 1.1)),
        _Key(0.32, Pose(0.43 * edge, 310, 1.1, tilt=25)),
        _Key(0.39, Pose(0.43 * edge, 310, 1.1, tilt=-25)),
        _Key(0.43, Pose(0.43 * edge, 305, 1.12)),
        _Key(0.50, Pose(0.5 * edge, 255, 1.5, turn=10)),
        _Key(0.62, Pose(edge + 330, 255, 1.5, turn=35)),
    ]
    back_again = [
        _Key(CUT_AT, Pose(edge + 250, 300, 1.15, turn=-35)),
        _Key(0.92, Pose(0.68 * edge, 300, 1.15)),
        _Key(1.0, Pose(0.66 * edge, 300, 1.15, turn=15, tilt=-8)),
    ]
    far_away = [
        _Key(CUT_AT, Pose(0.16 * edge, 255, 0.42, turn=-20)),
        _Key(0.93, Pose(0.28 * edge, 255, 0.42, tilt=4)),
        _Key(1.0, Pose(0.29 * edge, 255, 0.42, tilt=-12)),
    ]
    return (
        _Scene(living_room(width, height), [], [_Role(0, astronaut, visit)]),
        _Scene(
            reception(width, height, seed),
            [_Role(1, colleague, far_away)],
            [_Role(0, astronaut, back_again)],
        ),
    )


def _drawn(
    scenes: tuple[_Scene, _Scene], at: float, unit: float
) -> tuple[Picture, dict[int, Corners]]:
    """The picture at a share of the length, and the faces in it."""
    scene = scenes[at >= CUT_AT]
    canvas = scene.room.wall.copy()
    faces = dict(_acted(canvas, scene.distant, at, unit))
    scene.room.hide_behind_counter(canvas)
    faces |= _acted(canvas, scene.near, at, unit)
    return canvas, faces


def _acted(
    canvas: Picture, roles: list[_Role], at: float, unit: float
) -> Iterator[tuple[int, Corners]]:
    for role in roles:
        pose = _pose(role.keys, at)
        role.puppet.draw(canvas, pose, unit)
        face = _visible(role.puppet.face(pose, unit), canvas.shape[1], canvas.shape[0])
        if face is not None:
            yield role.person, face


def _pose(keys: list[_Key], at: float) -> Pose:
    """The pose between two keys, or that of the first or last one."""
    times = [key.at for key in keys]
    later = min(max(int(np.searchsorted(times, at, side="right")), 1), len(keys) - 1)
    a, b = keys[later - 1], keys[later]
    done = min(max((at - a.at) / (b.at - a.at), 0.0), 1.0)
    eased = done * done * (3 - 2 * done)
    x, y, size, turn, tilt = (
        getattr(a.pose, name) * (1 - eased) + getattr(b.pose, name) * eased
        for name in ("x", "y", "size", "turn", "tilt")
    )
    steps = 7 * size * abs(np.sin(np.pi * x / (120 * size)))
    return Pose(x, y - steps, size, turn, tilt)


def _visible(face: Corners, width: int, height: int) -> Corners | None:
    x1, y1, x2, y2 = face
    inside = max(x1, 0.0), max(y1, 0.0), min(x2, float(width)), min(y2, float(height))
    across, down = inside[2] - inside[0], inside[3] - inside[1]
    if min(across, down) <= 0 or across * down < VISIBLE_SHARE * (x2 - x1) * (y2 - y1):
        return None
    return inside


def _video_stream(
    container: OutputContainer, codec: str, pix_fmt: str, width: int, height: int, rate: int
) -> VideoStream:
    constant_quality = codec in {"libx264", "libx265"}
    options = {"crf": "18", "preset": "veryfast"} if constant_quality else {}
    stream = container.add_stream(codec, rate=rate, options=options)
    assert isinstance(stream, av.VideoStream)
    stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
    if not constant_quality:
        stream.bit_rate = max(1_000_000, width * height * rate // 5)
    context = stream.codec_context
    context.colorspace = context.color_primaries = context.color_trc = BT709
    context.color_range = MPEG_RANGE
    return stream


def _encode_picture(
    container: OutputContainer, stream: VideoStream, picture: Picture, index: int
) -> None:
    frame = av.VideoFrame.from_ndarray(picture, format="bgr24").reformat(
        format=stream.pix_fmt, dst_colorspace="ITU709", dst_color_range="MPEG"
    )
    frame.pts, frame.time_base = index, Fraction(1) / Fraction(stream.codec_context.framerate)
    container.mux(stream.encode(frame))


def _encode_sound(
    container: OutputContainer,
    stream: AudioStream,
    speech: NDArray[np.int16],
    index: int,
    rate: int,
) -> None:
    """The samples that are heard while frame `index` is shown."""
    start, end = (round(i * SOUND_RATE / rate) for i in (index, index + 1))
    frame = av.AudioFrame.from_ndarray(speech[None, start:end], format="s16", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, start, Fraction(1, SOUND_RATE)
    container.mux(stream.encode(frame))
