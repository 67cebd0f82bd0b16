"""What becomes of the sound of an input, as `--audio` and `output.audio` say it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Literal, cast, get_args

from stream_anon.core.address import parse_time
from stream_anon.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

Base = Literal["drop", "copy", "disguise"]
Cover = Literal["mute", "beep"]
_BASES, _COVERS = get_args(Base), get_args(Cover)
_EXAMPLE = "as in 12.5-14 or 0:12.5-0:14, or BEGIN- to the end"


@dataclass(frozen=True, slots=True)
class SoundRange:
    """A range of time, in seconds from the beginning of the recording."""

    begin: Fraction
    end: Fraction | None
    """None for the end of the recording."""


@dataclass(frozen=True, slots=True)
class SoundPlan:
    """What becomes of the sound: all of it, and in ranges."""

    base: Base = "drop"
    """Of the sound outside of the ranges."""
    mute: tuple[SoundRange, ...] = ()
    """In order and apart from each other, like `beep`."""
    beep: tuple[SoundRange, ...] = ()
    """Ranges that get a tone, also where they are muted."""

    @classmethod
    def parse(cls, text: str) -> SoundPlan:
        """Parse words and ranges between commas, such as `disguise, mute 12.5-14, 60-, beep 3-4`.

        Raises:
            ConfigError: it is none of these, or contradicts itself.
        """
        bases: set[str] = set()
        ranges: dict[str, list[SoundRange]] = {}
        cover: str | None = None
        for item in (part.strip() for part in text.split(",")):
            word, _, rest = item.partition(" ")
            if item in _BASES:
                bases.add(item)
                cover = None
            elif word in _COVERS:
                cover = word
                ranges.setdefault(cover, []).append(_range(rest.strip(), cover))
            elif cover is not None:
                ranges[cover].append(_range(item, cover))
            else:
                raise ConfigError(_unknown(item))
        if len(bases) > 1:
            raise ConfigError(f"{' and '.join(sorted(bases))} exclude each other: choose one")
        base = bases.pop() if bases else "copy"
        if base == "drop" and ranges:
            raise ConfigError(f"drop leaves no sound to {' or '.join(sorted(ranges))}: write copy")
        merged = (_merged(ranges.get(cover, ())) for cover in _COVERS)
        return cls(cast("Base", base), *merged)

    @property
    def covered(self) -> tuple[SoundRange, ...]:
        """Where nothing is left of the sound."""
        return _merged((*self.mute, *self.beep))


def _unknown(item: str) -> str:
    known = ", ".join(f"'{base}'" for base in _BASES)
    return f"{item!r} is not one of {known}, 'mute BEGIN-END' and 'beep BEGIN-END'"


def _range(text: str, cover: str) -> SoundRange:
    begin, dash, end = (part.strip() for part in text.partition("-"))
    if not dash or not begin:
        found = f"{text!r} is not a range of time" if text else f"{cover} needs a range of time"
        raise ConfigError(f"{found}: write {cover} BEGIN-END, {_EXAMPLE}")
    first, last = parse_time(begin), parse_time(end) if end else None
    if last is not None and last <= first:
        raise ConfigError(f"the range {text!r} must end after it begins")
    return SoundRange(first, last)


def _merged(ranges: Iterable[SoundRange]) -> tuple[SoundRange, ...]:
    """In order; those that overlap or touch become one."""
    merged: list[SoundRange] = []
    for one in sorted(ranges, key=lambda one: one.begin):
        last = merged[-1] if merged else None
        if last is None or (last.end is not None and last.end < one.begin):
            merged.append(one)
        elif last.end is not None and (one.end is None or one.end > last.end):
            merged[-1] = SoundRange(last.begin, one.end)
    return tuple(merged)
