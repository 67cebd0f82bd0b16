"""The sections of the settings."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from stream_anon.config.web import Web
from stream_anon.core.invalid import printable
from stream_anon.core.polygons import crosses_itself, polygon_area
from stream_anon.core.sound_plan import SoundPlan
from stream_anon.errors import ConfigError


def _color(value: str) -> str:
    digits = value.removeprefix("#")
    if len(digits) != 6 or any(c not in "0123456789abcdefABCDEF" for c in digits):
        raise ValueError("a colour is written #RRGGBB")
    return f"#{digits.lower()}"


def _size(value: str) -> str:
    if value and re.fullmatch(r"[0-9]+x[0-9]+", value) is None:
        raise ValueError("a size is written WIDTHxHEIGHT, as 1280x720")
    return value


def _epsilon(value: float) -> float:
    if 0 < value < LEAST_EPSILON:
        raise ValueError(f"0 adds no noise, and less than {LEAST_EPSILON} hides the whole picture")
    return value


def _sound(value: str) -> str:
    try:
        SoundPlan.parse(value)
    except ConfigError as error:
        raise ValueError(str(error)) from error
    return value


LEAST_EPSILON = 0.2
"""Of `outline_epsilon`: masks are up to two and a half times as wide with it."""
Share = Annotated[float, Field(ge=0, le=1)]
Cells = Annotated[int, Field(ge=1, le=4)]
Label = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
DetectorName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
Caption = Literal["none", "number", "label"]
Color = Annotated[str, AfterValidator(_color)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class Parsing(_Section):
    """Which detectors run, and at which working sizes."""

    engine: Annotated[str, Field(min_length=1)] = "auto"
    effort: Literal["fast", "normal", "thorough"] = "normal"
    light_side: Annotated[int, Field(ge=64, le=4096)] = 384
    deep_side: Annotated[int, Field(ge=64, le=8192)] = 3840
    region_side: Annotated[int, Field(ge=64, le=1024)] = 160
    threads: Annotated[int, Field(ge=0, le=256)] = 0
    precision: Literal["auto", "f32"] = "auto"


class Keyframes(_Section):
    """When detectors run."""

    interval: Annotated[int, Field(ge=1, le=120)] = 3
    deep_interval: Annotated[float, Field(gt=0, le=60)] = 1.0
    quiet_interval: Annotated[float, Field(gt=0, le=600)] = 10.0
    parse_interval: Annotated[float, Field(gt=0, le=60)] = 1.0
    cut: Annotated[float, Field(gt=0, le=255)] = 10.0
    still: Annotated[float, Field(ge=0, le=64)] = 3.0


class M2FP(_Section):
    """The slow engine, which sees body parts to the pixel."""

    short_side: Annotated[int, Field(ge=64, le=2048)] = 256
    precision: Literal["fp32", "int8"] = "fp32"
    min_score: Annotated[float, Field(ge=0.05, le=1)] = 0.2
    part_margin: Annotated[float, Field(ge=0, le=1)] = 0.06
    part_growth: Annotated[float, Field(ge=0, le=1)] = 0.01
    threads: Annotated[int, Field(ge=0, le=256)] = 0


class Masking(_Section):
    """How detections become masks for every frame."""

    confirm_score: Share = 0.35
    track_score: Annotated[float, Field(ge=0.05, le=1)] = 0.12
    lookahead: Annotated[float, Field(ge=0, le=10)] = 1.0
    linger: Annotated[float, Field(ge=0, le=10)] = 0.4
    margin: Annotated[float, Field(ge=0, le=2)] = 0.2
    growth: Annotated[float, Field(ge=0, le=1)] = 0.03
    min_area: Annotated[float, Field(ge=0, le=10000)] = 16.0
    memory: Annotated[int, Field(ge=16, le=65536)] = 256


class Background(_Section):
    """How the scene of a fixed camera is learned."""

    learn: Annotated[float, Field(ge=1, le=3600)] = 5.0
    absorb: Annotated[float, Field(ge=0, le=86400)] = 600.0
    sensitivity: Annotated[float, Field(ge=0.25, le=4)] = 1.0


class Rule(_Section):
    """How a label is hidden. What is not set is as for everything else."""

    method: str | None = None
    cells: Cells | None = None
    color: Color | None = None
    edge: Share | None = None
    caption: Caption | None = None
    replace_with: str | None = None


Point = tuple[Share, Share]
"""Across and down, as shares of the picture's width and height."""


class Zone(_Section):
    """A polygon in the picture that is always hidden, or in which nobody is hidden."""

    name: Annotated[str, Field(min_length=1, max_length=60), AfterValidator(printable)]
    points: Annotated[list[Point], Field(min_length=3, max_length=100)]
    mode: Literal["hide", "ignore"] = "hide"
    method: str | None = None
    """Of hiding it; None for the method of everything else."""

    @field_validator("points")
    @classmethod
    def _encloses(cls, points: list[Point]) -> list[Point]:
        if len(set(points)) < len(points):
            raise ValueError("a corner is there twice: list each one once")
        if crosses_itself(points):
            raise ValueError("the outline crosses itself: list its corners in order")
        if polygon_area(points) < _SMALLEST_ZONE:
            raise ValueError("the corners enclose nothing")
        return points

    @model_validator(mode="after")
    def _hides_somehow(self) -> Zone:
        if self.mode == "ignore" and self.method is not None:
            raise ValueError("a zone that is ignored hides nothing: leave its method out")
        return self


_SMALLEST_ZONE = 1e-6
"""As a share of the picture."""


class Redaction(_Section):
    """What is hidden, and how."""

    scope: str | list[str] = "face"
    method: str = "blur"
    """A name in the registry of `redaction`, which the run looks it up in."""
    cells: Cells = 2
    color: Color = "#202020"
    edge: Share = 0.12
    caption: Caption = "none"
    replace_with: str = ""
    outline_epsilon: Annotated[float, Field(ge=0, le=100), AfterValidator(_epsilon)] = 0.0
    noise_epsilon: Annotated[float, Field(gt=0, le=100)] = 0.5
    noise_cell: Annotated[int, Field(ge=2, le=512)] = 16
    noise_pixels: Annotated[int, Field(ge=1)] = 64
    rules: dict[str, Rule] = {}
    """By label or group of labels."""
    zones: list[Zone] = []
    """Polygons that are always hidden, or in which nobody is."""

    @field_validator("zones")
    @classmethod
    def _told_apart(cls, zones: list[Zone]) -> list[Zone]:
        names = [zone.name for zone in zones]
        if doubles := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"two zones are named {doubles[0]}: name each differently")
        return zones

    @field_validator("rules", mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        """`face = "fill"` stands for `face = { method = "fill" }`."""
        if not isinstance(value, dict):
            return value
        return {
            name: {"method": rule} if isinstance(rule, str) else rule
            for name, rule in value.items()
        }

    def by(self, rule: Rule) -> Redaction:
        """These settings where the rule does not say otherwise."""
        return self.model_copy(update=rule.model_dump(exclude_none=True))


class Output(_Section):
    """How the redacted video is written."""

    encoder: Annotated[str, Field(min_length=1)] = "auto"
    preset: str = "veryfast"
    quality: Annotated[int, Field(ge=0, le=63)] = 20
    audio: Annotated[str, AfterValidator(_sound)] = "drop"
    """What `SoundPlan` parses."""
    keep_subtitles: bool = False
    faststart: bool = True
    keep_metadata: list[Literal["date", "gps", "projection", "timecode"]] = ["projection"]
    overwrite: bool = False
    seal: list[Annotated[str, Field(min_length=1)]] = []
    """Public keys of age, or files of them."""

    @field_validator("seal", mode="before")
    @classmethod
    def _one(cls, value: Any) -> Any:
        """`"age1…"` stands for `["age1…"]`."""
        return [value] if isinstance(value, str) else value

    @field_validator("keep_metadata", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        """`"date,gps"` stands for `["date", "gps"]`, and `"none"` for nothing."""
        if not isinstance(value, str):
            return value
        return [] if value == "none" else [part.strip() for part in value.split(",")]


class Pipeline(_Section):
    """Threads and the queues between them."""

    queue: Annotated[int, Field(ge=1, le=256)] = 8
    stall: Annotated[float, Field(gt=0, le=3600)] = 120.0


class Live(_Section):
    """Sources that never end, and outputs that must not wait."""

    mode: Literal["production", "debug"] = "production"
    audio: Literal["drop", "copy", "disguise"] = "drop"
    latency: Annotated[float, Field(ge=0.04, le=10)] = 0.2
    lookahead: Annotated[float, Field(ge=0, le=5)] = 0.08
    linger: Annotated[float, Field(ge=0, le=10)] = 1.0
    preset: str = "ultrafast"
    rtsp_transport: Literal["tcp", "udp"] = "tcp"
    device_size: Annotated[str, AfterValidator(_size)] = ""
    device_rate: Annotated[float, Field(ge=0, le=1000)] = 0.0
    open_timeout: Annotated[float, Field(gt=0, le=600)] = 10.0
    keyframe_timeout: Annotated[float, Field(gt=0, le=3600)] = 600.0
    watchdog: Annotated[float, Field(gt=0, le=600)] = 5.0
    backoff: Annotated[float, Field(gt=0, le=3600)] = 1.0
    longest_backoff: Annotated[float, Field(gt=0, le=86400)] = 60.0
    attempts: Annotated[int, Field(ge=0)] = 0
    stall: Annotated[float, Field(gt=0, le=3600)] = 10.0
    sink_timeout: Annotated[float, Field(gt=0, le=600)] = 10.0
    backlog: Annotated[int, Field(ge=1, le=65536)] = 128
    log_interval: Annotated[float, Field(gt=0, le=86400)] = 60.0
    metrics_host: str = "127.0.0.1"
    metrics_port: Annotated[int, Field(ge=0, le=65535)] = 0


Numbers = tuple[float, float, float]
Scale = Annotated[float, Field(gt=0)]


class OwnDetector(_Section):
    """A network of the user's own: what it is, and what it finds."""

    model: Annotated[str, Field(min_length=1)]
    """Path of an ONNX file."""
    format: Literal[
        "yolov5", "yolov8", "yolox", "nanodet", "ssd", "retinaface", "scrfd", "centerface"
    ]
    labels: Annotated[dict[Annotated[int, Field(ge=0)], Label], Field(min_length=1)]
    """What is hidden, by the network's number of the class; other classes are left out."""
    size: Annotated[int, Field(ge=0, le=4096, multiple_of=32)] = 0
    """Pixels of the input's sides; 0 for those that the network has, or any where it takes any."""
    threshold: Annotated[float, Field(ge=0.01, le=1)] = 0.25
    mean: Numbers | None = None
    scale: tuple[Scale, Scale, Scale] | None = None
    bgr: bool | None = None
    """None for what the format is trained with."""


class Settings(_Section):
    """All settings of a run."""

    parsing: Parsing = Parsing()
    keyframes: Keyframes = Keyframes()
    m2fp: M2FP = M2FP()
    masking: Masking = Masking()
    background: Background = Background()
    redaction: Redaction = Redaction()
    output: Output = Output()
    pipeline: Pipeline = Pipeline()
    live: Live = Live()
    web: Web = Web()
    detectors: dict[DetectorName, OwnDetector] = {}
    """Networks of the user's own, by name."""
