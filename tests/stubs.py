"""Stand-ins that need no video file and no network: frames, a parser, a source and a sink."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from stream_anon.config import load_settings
from stream_anon.core.frame import Frame, StreamInfo, plane_shapes
from stream_anon.core.parts import Box, Part
from stream_anon.core.redacted import MaskedFrame, RedactedFrame, Unknown
from stream_anon.detectors.base import DetectionPass, Detector
from stream_anon.detectors.labels import BODY_GROUPS, CENTERFACE_LABELS, FACE_GROUPS
from stream_anon.detectors.registry import Row
from stream_anon.detectors.shapes import ellipse
from stream_anon.masking.horizon import Horizon
from stream_anon.masking.masker import Masker
from stream_anon.sinks.base import check_redacted
from stream_anon.sources.base import Losses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from stream_anon.core.frame import Plane

Pattern = Literal["flat", "noise", "texture", "gradient"]
RATE = 25
TIME_BASE = Fraction(1, RATE)


def make_plane(
    height: int, width: int, *, value: int = 110, pattern: Pattern = "flat", seed: int = 0
) -> Plane:
    """One plane: `flat`, `noise` (every pixel), `texture` (smooth blobs) or `gradient`."""
    if pattern == "flat":
        return np.full((height, width), value, np.uint8)
    rng = np.random.default_rng(seed)
    if pattern == "noise":
        return rng.integers(0, 256, (height, width), dtype=np.uint8)
    if pattern == "gradient":
        ramp = np.linspace(20, 235, width)[None, :] + np.linspace(-20, 20, height)[:, None]
        return np.clip(ramp, 0, 255).astype(np.uint8)
    return _texture(rng, height, width, value)


def _texture(rng: np.random.Generator, height: int, width: int, value: int) -> Plane:
    """Waves of many directions and lengths: has something to follow everywhere."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    total: NDArray[np.float32] = np.zeros((height, width), np.float32)
    for _ in range(12):
        angle, length, phase = rng.uniform(0, np.pi), rng.uniform(18, 70), rng.uniform(0, 6.3)
        wave = np.cos(angle) * x + np.sin(angle) * y
        total += np.sin(wave * np.float32(2 * np.pi / length) + np.float32(phase))
    picture: Plane = np.clip(value + 14 * total, 0, 255).astype(np.uint8)
    return picture


def make_frame(
    width: int = 128,
    height: int = 96,
    index: int = 0,
    *,
    value: int = 110,
    pattern: Pattern = "flat",
    seed: int = 0,
    luma: Plane | None = None,
    chroma: tuple[int, int] = (128, 128),
    pts: int | None = None,
    time_base: Fraction = TIME_BASE,
    corrupt: bool = False,
    discontinuity: bool = False,
) -> Frame:
    """One frame with read-only planes; one unit of `pts` per frame at 25 frames per second.

    `luma` replaces the pattern. Chroma is flat unless the pattern is `noise`.
    """
    shapes = plane_shapes(width, height)
    y = make_plane(*shapes[0], value=value, pattern=pattern, seed=seed) if luma is None else luma
    if pattern == "noise" and luma is None:
        u, v = (make_plane(*shapes[1], pattern="noise", seed=seed + n) for n in (1, 2))
    else:
        u, v = (np.full(shapes[1], level, np.uint8) for level in chroma)
    for plane in (y, u, v):
        plane.setflags(write=False)
    return Frame(
        (y, u, v),
        index,
        index if pts is None else pts,
        time_base,
        duration=1,
        corrupt=corrupt,
        discontinuity=discontinuity,
    )


def make_info(width: int = 128, height: int = 96, frames: int | None = None) -> StreamInfo:
    """What goes with `make_frame`."""
    return StreamInfo("stub", width, height, TIME_BASE, rate=Fraction(RATE), frames=frames)


def face(box: Box, *, score: float = 0.9, person: int = 0, label: str = "face") -> Part:
    """A part as an elliptic detector answers it."""
    return Part(label, box, ellipse(), score, person)


class StubParser:
    """Answers what it is told to, and remembers what it was asked."""

    name = "stub"
    labels = CENTERFACE_LABELS
    model_hash = "0" * 64

    def __init__(self, answers: Callable[[Frame, DetectionPass], list[Part]]) -> None:
        self._answers = answers
        self.asked: list[tuple[int, DetectionPass]] = []
        """Frame index and pass of every call, in order."""
        self.closed = 0

    def parse(self, frame: Frame, detection_pass: DetectionPass) -> list[Part]:
        self.asked.append((frame.index, detection_pass))
        return self._answers(frame, detection_pass)

    def close(self) -> None:
        self.closed += 1

    @property
    def frames_asked(self) -> list[int]:
        """Indices of the frames that had a pass, each once."""
        return sorted({index for index, _ in self.asked})


def stub_row(labels: frozenset[str] = CENTERFACE_LABELS) -> Row:
    """A row of the registry for `StubParser`, which knows every group."""
    groups = {name: (*FACE_GROUPS.get(name, ()), *ways) for name, ways in BODY_GROUPS.items()}
    return Row("stub", labels, lambda _loading: StubParser(nobody), groups)


class StubSource:
    """Hands out frames that exist already; `fail` is raised after them."""

    def __init__(
        self, frames: Sequence[Frame], info: StreamInfo, fail: BaseException | None = None
    ) -> None:
        self._frames = frames
        self._fail = fail
        self.info = info
        self.losses = Losses()
        self.closed = 0

    def frames(self) -> Iterator[Frame]:
        yield from self._frames
        if self._fail is not None:
            raise self._fail

    def close(self) -> None:
        self.closed += 1


class CollectingSink:
    """Keeps every redacted frame."""

    def __init__(self) -> None:
        self.frames: list[RedactedFrame] = []
        self.finished = 0
        self.closed = 0

    def send(self, frame: RedactedFrame) -> None:
        check_redacted(frame)
        self.frames.append(frame)

    def finish(self) -> None:
        self.finished += 1

    def close(self) -> None:
        self.closed += 1


def shifted_frames(
    count: int, step: tuple[int, int], *, width: int = 320, height: int = 192, seed: int = 0
) -> list[Frame]:
    """A textured picture that moves by `step` pixels (x, y) from each frame to the next."""
    span_x, span_y = abs(step[0]) * (count - 1), abs(step[1]) * (count - 1)
    large = make_plane(height + span_y, width + span_x, pattern="texture", seed=seed)
    frames: list[Frame] = []
    for index in range(count):
        left = -step[0] * index + (span_x if step[0] > 0 else 0)
        top = -step[1] * index + (span_y if step[1] > 0 else 0)
        luma = np.ascontiguousarray(large[top : top + height, left : left + width])
        frames.append(make_frame(width, height, index, luma=luma))
    return frames


def still_frames(count: int, *, width: int = 320, height: int = 192) -> list[Frame]:
    """The same textured picture again and again."""
    return [make_frame(width, height, index, pattern="texture") for index in range(count)]


def flickering_frames(count: int, *, width: int = 320, height: int = 192) -> list[Frame]:
    """A picture that stays in place but in which a corner always changes: never quiet, no cut."""
    base = make_plane(height, width, pattern="texture")
    frames: list[Frame] = []
    for index in range(count):
        luma = base.copy()
        luma[: height // 6, : width // 6] = 30 + 5 * (index * 17 % 41)  # never twice the same
        frames.append(make_frame(width, height, index, luma=luma))
    return frames


STEP = (3, 0)
START = Box(60, 50, 60, 72)


def nobody(_frame: Frame, _detection_pass: DetectionPass) -> list[Part]:
    return []


def truth(frame: Frame) -> Box:
    """Where the face is in the moving footage."""
    return START.moved(STEP[0] * frame.index, STEP[1] * frame.index)


def sees(
    when: Callable[[int], bool] = lambda _index: True,
    where: Callable[[Frame], Box] = truth,
    score: float = 0.9,
) -> StubParser:
    """A parser that finds the one face in some frames."""
    return StubParser(
        lambda f, _detection_pass: [face(where(f), score=score)] if when(f.index) else []
    )


def masks_of(
    parser: StubParser,
    frames: Sequence[Frame],
    *,
    hidden: frozenset[str] = frozenset({"face"}),
    **overrides: object,
) -> list[MaskedFrame]:
    values = {key.replace("__", "."): value for key, value in overrides.items()}
    first = frames[0] if frames else make_frame(320, 192)
    masker = masker_of(parser, make_info(first.width, first.height), values, hidden=hidden)
    return list(masker.masks(iter(frames)))


def masker_of(
    parser: Detector,
    info: StreamInfo,
    values: Mapping[str, object] | None = None,
    *,
    hidden: frozenset[str] = frozenset({"face"}),
    bodies: Detector | None = None,
    apart: frozenset[str] = frozenset(),
    live: bool = False,
) -> Masker:
    """A masker with one fast detector; values of settings by their dotted paths."""
    settings = load_settings(None, dict(values or {}))
    horizon = (Horizon.of_live if live else Horizon.of_recording)(settings, info)
    return Masker([parser], hidden, settings, info, horizon, bodies=bodies, apart=apart)


def covers(masked: MaskedFrame, box: Box, share: float = 0.97) -> bool:
    if isinstance(masked.parts, Unknown):
        return True
    return any(part.box.overlap(box) >= share * box.area for part in masked.parts)


def hidden_in(masks: Sequence[MaskedFrame]) -> list[int]:
    return [masked.frame.index for masked in masks if masked.parts]


def regions_of(masks: Sequence[MaskedFrame]) -> list[object]:
    return [
        m.parts if isinstance(m.parts, Unknown) else [(p.label, p.box, p.person) for p in m.parts]
        for m in masks
    ]


def moving(count: int = 40) -> list[Frame]:
    return shifted_frames(count, STEP, width=320, height=192)


FACE_OF_ASTRONAUT = Box(182, 67, 86, 113)
"""Where the face is in `astronaut_frame(512, 512)`, found by looking at it."""


def yuv_of(
    rgb: NDArray[np.uint8], *, matrix: int = 6, full_range: bool = False
) -> NDArray[np.float64]:
    """Y, U, V (last axis) of R, G, B (last axis, 0..255) by the book, not rounded."""
    kr, kb = {1: (0.2126, 0.0722), 9: (0.2627, 0.0593)}.get(matrix, (0.299, 0.114))
    red, green, blue = np.moveaxis(rgb.astype(np.float64) / 255, -1, 0)
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    u, v = (blue - luma) / (2 - 2 * kb), (red - luma) / (2 - 2 * kr)
    if full_range:
        return np.stack([255 * luma, 128 + 255 * u, 128 + 255 * v], -1)
    return np.stack([16 + 219 * luma, 128 + 224 * u, 128 + 224 * v], -1)


def frame_of_rgb(rgb: NDArray[np.uint8], *, index: int = 0, matrix: int = 6) -> Frame:
    """A limited-range frame of an RGB picture of any size."""
    height, width = rgb.shape[:2]
    yuv = np.clip(np.rint(yuv_of(rgb, matrix=matrix)), 0, 255).astype(np.uint8)
    padded = np.pad(yuv, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    halves = padded.reshape(*(n for s in padded.shape[:2] for n in (s // 2, 2)), 3).mean((1, 3))
    chroma = np.rint(halves[..., 1:]).astype(np.uint8)
    planes = (yuv[..., 0].copy(), chroma[..., 0].copy(), chroma[..., 1].copy())
    for plane in planes:
        plane.setflags(write=False)
    return Frame(planes, index, index, TIME_BASE, duration=1)


def astronaut_frame(width: int = 512, height: int = 512, index: int = 0) -> Frame:
    """scikit-image's public-domain portrait at any size: one face, the only one."""
    import cv2
    import skimage.data

    picture = np.asarray(cast(Any, skimage.data.astronaut)(), np.uint8)
    if (width, height) != (512, 512):
        picture = np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA))
    return frame_of_rgb(picture, index=index)


def face_of_astronaut(width: int = 512, height: int = 512) -> Box:
    """Where the face is in `astronaut_frame(width, height)`."""
    x, y, w, h = FACE_OF_ASTRONAUT
    return Box(x * width / 512, y * height / 512, w * width / 512, h * height / 512)
