"""What a live run is made of before it goes on by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from stream_anon.core.channel import Channel, Overflow
from stream_anon.errors import ConfigError
from stream_anon.pipeline.engines import load_engines
from stream_anon.pipeline.live.context import InferenceContext
from stream_anon.pipeline.live.engines import LiveEngines

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from stream_anon.config import Settings
    from stream_anon.core.frame import Frame, StreamInfo
    from stream_anon.core.redacted import MaskedFrame
    from stream_anon.detectors.registry import Row
    from stream_anon.pipeline.figures.stats import LiveStats
    from stream_anon.pipeline.live.controls import Controls

T = TypeVar("T")


def context_for(
    info: StreamInfo,
    settings: Settings,
    detectors: Sequence[Row],
    controls: Controls,
    stats: LiveStats,
) -> InferenceContext:
    """The context of one stream; its engines are loaded later."""
    room = max(2, round(settings.live.latency * float(info.nominal_rate)) + 1)
    frames: Channel[Frame] = Channel(room, Overflow.DROP_OLDEST)
    masked: Channel[MaskedFrame] = Channel(2 * room, Overflow.DROP_OLDEST)

    def load() -> LiveEngines:
        engines = load_engines(detectors, settings, info, None)
        try:
            return LiveEngines(engines, settings, info)
        except BaseException:
            engines.close()
            raise

    return InferenceContext(load, frames, masked, settings.live, controls, stats)


def fulfil(future: Future[T], work: Callable[[], T]) -> None:
    """Do the work, and put what comes of it into `future`."""
    try:
        future.set_result(work())
    except BaseException as error:  # noqa: BLE001 - raised again where the result is taken
        future.set_exception(error)


def for_live(settings: Settings) -> Settings:
    """What the parts shared with recordings are to know of a live run."""
    live = settings.live
    if live.lookahead > live.latency:
        raise ConfigError(
            f"live.lookahead ({live.lookahead:g} s) is longer than live.latency "
            f"({live.latency:g} s): nothing could be shown in time"
        )
    return settings.model_copy(
        update={"pipeline": settings.pipeline.model_copy(update={"stall": live.stall})}
    )
