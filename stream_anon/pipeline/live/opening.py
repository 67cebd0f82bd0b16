"""What a live run is made of before it goes on by itself."""

from __future__ import annotations

from concurrent.futures import Future
from time import monotonic
from typing import TYPE_CHECKING, TypeVar

from stream_anon.core.channel import Channel, Overflow
from stream_anon.core.stream_log import StreamThread
from stream_anon.detectors.runtime import Network, Networks
from stream_anon.errors import ConfigError
from stream_anon.pipeline.engines import load_engines
from stream_anon.pipeline.live.context import InferenceContext
from stream_anon.pipeline.live.engines import LiveEngines
from stream_anon.pipeline.live.session import TICK

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stream_anon.config import Settings
    from stream_anon.core.frame import Frame, StreamInfo
    from stream_anon.detectors.registry import Row
    from stream_anon.pipeline.figures.stats import LiveStats
    from stream_anon.pipeline.live.controls import ChosenFrame, Controls

T = TypeVar("T")


def context_for(
    info: StreamInfo,
    settings: Settings,
    detectors: Sequence[Row],
    controls: Controls,
    stats: LiveStats,
    networks: Networks = Network,
) -> InferenceContext:
    """The context of one stream; its engines are loaded later, their networks by `networks`."""
    room = max(2, round(settings.live.latency * float(info.nominal_rate)) + 1)
    frames: Channel[Frame] = Channel(room, Overflow.DROP_OLDEST)
    masked: Channel[ChosenFrame] = Channel(2 * room, Overflow.DROP_OLDEST)

    def load() -> LiveEngines:
        engines = load_engines(detectors, settings, info, None, networks)
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


def in_thread(
    work: Callable[[], T], meanwhile: Callable[[float], None], unused: Callable[[T], object]
) -> T:
    """Do something in a thread of its own, and something else meanwhile.

    Args:
        work: what to do; abandoned where `meanwhile` raises.
        meanwhile: called often, with the seconds that have passed.
        unused: given the result of abandoned work, if one comes.
    """
    future: Future[T] = Future()
    name = "stream_anon opening"
    thread = StreamThread(target=fulfil, args=(future, work), name=name, daemon=True)
    thread.start()
    began = monotonic()
    try:
        while not future.done():
            thread.join(TICK)
            meanwhile(monotonic() - began)
    except BaseException:
        thread.join(TICK)
        future.add_done_callback(lambda late: None if late.exception() else unused(late.result()))
        raise
    return future.result()


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
