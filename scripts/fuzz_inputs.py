"""Small files of every kind, and ways to damage them. One number says all about an input."""

from __future__ import annotations

import json
import random
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.media import Tone, write  # noqa: E402 - it is no package that is installed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SIZE = (64, 48)
FRAMES = 4
_SHORT = {"frames": FRAMES, "size": SIZE}
_TONE = {"tones": [Tone(seconds=0.2)]}
VIDEOS: dict[str, dict[str, Any]] = {
    "h264.mp4": _TONE,
    "fragments.mp4": {"container_options": {"movflags": "frag_keyframe+empty_moov"}},
    "text.mp4": {**_TONE, "subtitles": "mov_text", "cover": True},
    "hevc.mp4": {"codec": "libx265"},
    "h264.mov": {"rotation": 90.0},
    "prores.mov": {"codec": "prores_ks", "pix_fmt": "yuv422p10le"},
    "mjpeg.mov": {"codec": "mjpeg", "pix_fmt": "yuvj420p"},
    "h263.3gp": {"codec": "h263", "size": (128, 96)},
    "h264.mkv": {**_TONE, "subtitles": "subrip"},
    "hevc.mkv": {"codec": "libx265"},
    "ffv1.mkv": {"codec": "ffv1"},
    "av1.mkv": {"codec": "libsvtav1", "size": (128, 96)},
    "vp8.webm": {"codec": "libvpx"},
    "vp9.webm": {"codec": "libvpx-vp9"},
    "alpha.webm": {"codec": "libvpx-vp9", "pix_fmt": "yuva420p"},
    "mpeg4.avi": {"codec": "mpeg4", "tones": [Tone(codec="mp2", seconds=0.2)]},
    "mjpeg.avi": {"codec": "mjpeg", "pix_fmt": "yuvj420p"},
    "huffyuv.avi": {"codec": "huffyuv", "pix_fmt": "yuv422p"},
    "h264.ts": _TONE,
    "mpeg2.ts": {"codec": "mpeg2video", "size": (128, 96), "frames": 12},
    "mpeg2.mpg": {"codec": "mpeg2video", "container": "vob"},
    "mpeg1.mpg": {"codec": "mpeg1video", "container": "mpeg"},
    "h264.flv": {},
    "flv1.flv": {"codec": "flv"},
    "wmv2.wmv": {"codec": "wmv2", "container": "asf"},
    "vp8.ogv": {"codec": "libvpx", "container": "ogg"},
    "mpeg2.mxf": {"codec": "mpeg2video", "container": "mxf", "size": (128, 96)},
    "ffv1.nut": {"codec": "ffv1", "container": "nut"},
    "vp8.ivf": {"codec": "libvpx", "container": "ivf"},
    "raw.h264": {"container": "h264"},
    "raw.hevc": {"codec": "libx265", "container": "hevc"},
    "raw.y4m": {"codec": "wrapped_avframe", "container": "yuv4mpegpipe"},
    "picture.gif": {"codec": "gif", "pix_fmt": "rgb8"},
    "moving.apng": {"codec": "apng", "pix_fmt": "rgb24", "container": "apng"},
    "picture.png": {"codec": "png", "pix_fmt": "rgb24", "container": "image2", "frames": 1},
    "picture.jpg": {
        "codec": "mjpeg", "pix_fmt": "yuvj420p", "container": "image2", "frames": 1,
    },
    "picture.bmp": {"codec": "bmp", "pix_fmt": "bgr24", "container": "image2", "frames": 1},
    "picture.tiff": {"codec": "tiff", "pix_fmt": "rgb24", "container": "image2", "frames": 1},
    "picture.webp": {"codec": "libwebp", "container": "webp", "frames": 1},
    "picture.jp2": {"codec": "jpeg2000", "pix_fmt": "rgb24", "container": "image2", "frames": 1},
}  # fmt: skip
"""What `tests.media.Video` is given for each; those that this FFmpeg cannot write are left out."""
TRACKS = json.dumps(
    {
        "stream_anon_tracks": 1, "width": SIZE[0], "height": SIZE[1], "frames": FRAMES,
        "hidden_whole": {"1": "damaged input"},
        "tracks": [
            {"id": 0, "hide": True, "label": "face", "shape": "ellipse",
             "boxes": [[n, 8.0 + n, 8.0, 20.0, 24.0] for n in range(FRAMES)]},
            {"id": 1, "hide": False, "label": "face", "boxes": [[0, 30.0, 8.0, 9.0, 9.0]]},
        ],
    }
)  # fmt: skip
SETTINGS = """[redaction]
scope = "face"
method = "pixelate"
cells = 3
color = "#203040"
[redaction.rules.eyes]
method = "fill"
[masking]
linger = 0.5
lookahead = 0.5
[keyframes]
interval = 3
[output]
quality = 30
audio = "copy"
"""
WORDS = (b"nan", b"inf", b"-1", b"1e999", b"null", b"[]", b"{}", b'""', b"0", b"true", b"9" * 40)
"""What tears texts apart."""


@dataclass(frozen=True)
class Input:
    """One damaged input and the arguments that it is tried with."""

    name: str
    """Of the file that is damaged."""
    data: bytes
    damage: str
    arguments: tuple[str, ...]
    """After `redact`; `{clip}` is a healthy video."""


def make_seeds(folder: Path) -> None:
    """Write one healthy file of every kind that this FFmpeg can write, and the two texts."""
    for name, what in VIDEOS.items():
        path = folder / name
        try:
            write(path, **{**_SHORT, **what})
        except Exception:  # noqa: BLE001 - an encoder that this build lacks
            path.unlink(missing_ok=True)
    (folder / "tracks.json").write_text(TRACKS, encoding="utf-8")
    (folder / "settings.toml").write_text(SETTINGS, encoding="utf-8")


def make_masks(folder: Path, redact: Callable[[list[str]], int]) -> None:
    """Write a healthy record of masks, which takes a run."""
    clip, masks = str(folder / "h264.mp4"), str(folder / "masks.jsonl")
    redact(["redact", clip, "--masks-only", masks, "-q"])


def read_seeds(folder: Path) -> list[tuple[str, bytes]]:
    """What `make_seeds` wrote, in an order of its own."""
    return [(path.name, path.read_bytes()) for path in sorted(folder.iterdir())]


def damaged(seeds: list[tuple[str, bytes]], seed: int, number: int) -> Input:
    """Input `number` of a campaign: the same on every machine with the same seeds."""
    chance = random.Random(f"{seed}:{number}")
    name, data = seeds[number % len(seeds)]
    done = []
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        kind = chance.choice(_ways(name))
        done.append(kind.__name__.strip("_"))
        data = bytes(kind(bytearray(data), chance)) if data else b""
    return Input(name, data, "+".join(done), tuple(_arguments(name, chance)))


def _arguments(name: str, chance: random.Random) -> Iterator[str]:
    healthy, output = "{clip}", chance.choice(("out.mp4", "out.mp4", "out.mkv"))
    if name == "tracks.json":
        yield from (healthy, output, "--tracks", name)
    elif name == "masks.jsonl":
        yield from (healthy, output, "--masks", name)
    elif name == "settings.toml":
        yield from (healthy, output, "--config", name)
    elif name.startswith("picture") and not name.endswith("gif"):
        yield from (name, chance.choice(("out.png", "out.jpg")))
    else:
        yield from (name, output, "--audio", chance.choice(("drop", "copy", "disguise")))
        if chance.random() < 0.3:
            yield "--keep-subtitles"


def _ways(name: str) -> list[Callable[[bytearray, random.Random], bytearray]]:
    ways: list[Callable[[bytearray, random.Random], bytearray]]
    ways = [flip, flip, flip, head, head, cut, zero, repeat, swap, insert, number]
    if name.endswith(("json", "jsonl", "toml")):
        ways += [word, word, word]
    return ways


def _range(data: bytearray, chance: random.Random) -> tuple[int, int]:
    start = chance.randrange(len(data))
    return start, min(len(data), start + chance.choice((1, 4, 16, 64, 256, 1024)))


def flip(data: bytearray, chance: random.Random) -> bytearray:
    """Bits anywhere."""
    for _ in range(chance.choice((1, 2, 5, 20, 100))):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return data


def head(data: bytearray, chance: random.Random) -> bytearray:
    """Bytes of the head, which says what all else is."""
    for _ in range(chance.choice((1, 2, 4, 8))):
        data[chance.randrange(min(len(data), 200))] = chance.choice((0, 1, 127, 128, 255))
    return data


def cut(data: bytearray, chance: random.Random) -> bytearray:
    """The end is missing, or the beginning."""
    at = chance.randrange(len(data))
    return data[:at] if chance.random() < 0.8 else data[at:]


def zero(data: bytearray, chance: random.Random) -> bytearray:
    """A range of one value."""
    start, end = _range(data, chance)
    data[start:end] = bytes([chance.choice((0, 255))]) * (end - start)
    return data


def repeat(data: bytearray, chance: random.Random) -> bytearray:
    """A range that comes again."""
    start, end = _range(data, chance)
    data[start:start] = data[start:end] * chance.choice((1, 2, 5))
    return data


def swap(data: bytearray, chance: random.Random) -> bytearray:
    """A range in another place."""
    start, end = _range(data, chance)
    piece = data[start:end]
    del data[start:end]
    at = chance.randrange(len(data) + 1)
    data[at:at] = piece
    return data


def insert(data: bytearray, chance: random.Random) -> bytearray:
    """Noise in between."""
    at = chance.randrange(len(data))
    data[at:at] = chance.randbytes(chance.choice((1, 3, 16, 100)))
    return data


def number(data: bytearray, chance: random.Random) -> bytearray:
    """A length, a size or a time that is extreme."""
    width = chance.choice((2, 4, 8))
    at = chance.randrange(max(1, len(data) - width))
    value = chance.choice(
        (0, 1, (1 << 8 * width - 1) - 1, 1 << 8 * width - 1, (1 << 8 * width) - 1)
    )
    data[at : at + width] = value.to_bytes(width, chance.choice(("big", "little")))
    return data


def word(data: bytearray, chance: random.Random) -> bytearray:
    """A value of a text that is another one."""
    spots = [n for n, sign in enumerate(data) if sign in b" :,[="]
    at = chance.choice(spots or [0]) + 1
    end = at
    while end < len(data) and data[end] not in b",]}\n":
        end += 1
    data[at:end] = chance.choice(WORDS)
    return data
