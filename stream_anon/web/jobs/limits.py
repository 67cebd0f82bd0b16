"""What one upload may cost: memory, time, pixels, length."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from stream_anon.errors import SourceError

if TYPE_CHECKING:
    from stream_anon.config import Web
    from stream_anon.core.frame import StreamInfo

MIB = 1 << 20
MOST_RATE = 240
"""Frames a second that count: a file that claims more is not shorter for it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one job."""

    memory: int
    """MiB of the process."""
    seconds: float
    """That it may run."""
    megapixels: float
    """Of a frame."""
    minutes: float
    """Length of a video."""

    @classmethod
    def of(cls, web: Web) -> Limits:
        return cls(
            web.job_memory_mb, 3600 * web.job_hours, web.job_megapixels, web.job_minutes
        )  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def check(self, info: StreamInfo) -> None:
        """Refuse what is too large or too long, as far as the file says.

        Raises:
            SourceError: it is.
        """
        if info.width * info.height > self.megapixels * 1e6:
            raise SourceError(
                f"its frames have {info.width}x{info.height} pixels: at most "
                f"{self.megapixels:g} megapixels are taken here"
            )
        if info.frames is not None:
            self.check_length(info.frames, info)

    def check_length(self, frames: int, info: StreamInfo) -> None:
        """Refuse what is too long, by what is known or was counted so far.

        Raises:
            SourceError: it is.
        """
        if frames > 60 * self.minutes * min(MOST_RATE, max(1.0, float(info.nominal_rate))):
            raise SourceError(f"it is too long: at most {self.minutes:g} minutes are taken here")


def hold(limits: Limits) -> None:
    """Let the system keep this process within its memory and time."""
    with suppress(ImportError, OSError, ValueError):
        import resource  # noqa: PLC0415 - not on every system

        for what, most in (
            (resource.RLIMIT_DATA, limits.memory * MIB),
            (resource.RLIMIT_CPU, int(limits.seconds * 64)),
        ):
            _, hard = resource.getrlimit(what)
            soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(what, (soft, hard))
