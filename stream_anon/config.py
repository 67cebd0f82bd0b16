"""Every setting, its range and its default; `configs/default.toml` says the same with reasons."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from stream_anon.core.sound_plan import SoundPlan
from stream_anon.errors import ConfigError


def _color(value: str) -> str:
    digits = value.removeprefix("#")
    if len(digits) != 6 or any(c not in "0123456789abcdefABCDEF" for c in digits):
        raise ValueError("a colour is written #RRGGBB")
    return f"#{digits.lower()}"


def _sound(value: str) -> str:
    try:
        SoundPlan.parse(value)
    except ConfigError as error:
        raise ValueError(str(error)) from error
    return value


Share = Annotated[float, Field(ge=0, le=1)]
Cells = Annotated[int, Field(ge=1, le=4)]
Caption = Literal["none", "number", "label"]
Color = Annotated[str, AfterValidator(_color)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class Parsing(_Section):
    """Which detectors run, and at which working sizes."""

    engine: Annotated[str, Field(min_length=1)] = "auto"
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

    name: Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[^\x00-\x1f\x7f]+$")]
    points: Annotated[list[Point], Field(min_length=3, max_length=100)]
    mode: Literal["hide", "ignore"] = "hide"
    method: str | None = None
    """Of hiding it; None for the method of everything else."""

    @field_validator("points")
    @classmethod
    def _encloses(cls, points: list[Point]) -> list[Point]:
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


def polygon_area(points: Sequence[tuple[float, float]]) -> float:
    """Area that a polygon encloses."""
    after = [*points[1:], *points[:1]]
    return abs(sum(x * v - u * y for (x, y), (u, v) in zip(points, after, strict=True))) / 2


def crosses_itself(points: Sequence[tuple[float, float]]) -> bool:
    """Whether two sides of a polygon cross."""
    sides = list(zip(points, [*points[1:], *points[:1]], strict=True))
    return any(_cross(*a, *b) for n, a in enumerate(sides) for b in sides[n + 2 :])


def _cross(
    a: tuple[float, float], b: tuple[float, float], c: tuple[float, float], d: tuple[float, float]
) -> bool:
    def turn(p: tuple[float, float], q: tuple[float, float], r: tuple[float, float]) -> float:
        return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])

    return turn(a, b, c) * turn(a, b, d) < 0 and turn(c, d, a) * turn(c, d, b) < 0


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
    outline_epsilon: Annotated[float, Field(ge=0, le=100)] = 0.0
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
    device_size: Annotated[str, Field(pattern=r"^(\d+x\d+)?$")] = ""
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


class Settings(_Section):
    """All settings of a run."""

    parsing: Parsing = Parsing()
    keyframes: Keyframes = Keyframes()
    m2fp: M2FP = M2FP()
    masking: Masking = Masking()
    redaction: Redaction = Redaction()
    output: Output = Output()
    pipeline: Pipeline = Pipeline()
    live: Live = Live()


def known_keys() -> list[str]:
    """The dotted path of every setting."""
    return [
        f"{section}.{key}"
        for section, field in Settings.model_fields.items()
        for key in _fields(field.annotation)
    ]


def _fields(section: Any) -> list[str]:
    return list(section.model_fields)


def load_settings(path: Path | None = None, overrides: dict[str, Any] | None = None) -> Settings:
    """Defaults, then the file, then `overrides`.

    Args:
        path: a TOML file with any of the settings.
        overrides: dotted paths such as `redaction.scope`; None values are left out, and the
            entries of a table are added to those of the file.

    Raises:
        ConfigError: the file cannot be read, a key is unknown or a value is out of range.
    """
    values: dict[str, Any] = _read(path) if path else {}
    for dotted, value in (overrides or {}).items():
        if value is None:
            continue
        section, _, key = dotted.partition(".")
        if not isinstance(values.setdefault(section, {}), dict):
            break  # the file has a value where a section belongs; validation says so
        there = values[section].get(key)
        both = isinstance(there, dict) and isinstance(value, Mapping)
        values[section][key] = {**there, **value} if both else value
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise ConfigError(_explain(error, path)) from error


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise ConfigError(f"cannot read the configuration {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"the configuration {path} is not valid TOML: {error}") from error


def _explain(error: ValidationError, path: Path | None) -> str:
    """The first problem in one line, with the nearest known key for an unknown one."""
    first = error.errors(include_url=False)[0]
    key = ".".join(str(step) for step in first["loc"] if step not in ("str", "list[str]"))
    where = f" in {path}" if path else ""
    if first["type"] == "extra_forbidden":
        sections = list(Settings.model_fields)
        known = [*known_keys(), *sections]
        if first["loc"][:2] == ("redaction", "rules"):
            known = [f"{key.rpartition('.')[0]}.{name}" for name in Rule.model_fields]
        if first["loc"][:2] == ("redaction", "zones"):
            known = [f"{key.rpartition('.')[0]}.{name}" for name in Zone.model_fields]
        elsewhere = [dotted for dotted in known if dotted.endswith(f".{key.rpartition('.')[2]}")]
        near = elsewhere or get_close_matches(key, known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"sections are {', '.join(sections)}"
        return f"unknown setting {key}{where}: {hint}"
    said = first["msg"].removeprefix("Value error, ")
    said = said[0].lower() + said[1:]
    return f"setting {key}{where} is {first['input']!r}: {said}"
