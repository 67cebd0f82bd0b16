"""A live run's inference stage without a source: frames are put in, masked frames come out."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

from stream_anon.config import load_settings
from stream_anon.core.channel import Cancelled, Channel, Closed, Overflow
from stream_anon.masking.horizon import Horizon
from stream_anon.masking.keyframes import Effort
from stream_anon.masking.masker import Masker
from stream_anon.pipeline.figures.stats import LiveStats
from stream_anon.pipeline.live.context import InferenceContext
from stream_anon.pipeline.live.controls import ChosenFrame, Controls
from stream_anon.pipeline.live.inference import Inference
from tests.stubs import StubParser, make_info, nobody, stub_row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from stream_anon.config import Settings
    from stream_anon.core.frame import Frame
    from stream_anon.core.redacted import MaskedFrame
    from stream_anon.detectors.base import Detector

WIDTH, HEIGHT = 320, 192
RATE = 50
"""Frames put in per second: quicker than the footage's own rate, so that tests are short."""


def live_settings(**more: Any) -> Settings:
    """Short waits, and no lookahead unless it is asked for."""
    values = {
        "masking.lookahead": 0.0, "live.lookahead": 0.0, "live.latency": 2.0,
        "live.stall": 0.4, "live.backoff": 0.1, "keyframes.still": 0.0, "keyframes.interval": 1,
        "parsing.effort": "fast",  # one pass a frame: tests count them
    }  # fmt: skip
    return load_settings(None, values | {key.replace("__", "."): v for key, v in more.items()})


class StubEngines:
    """Loaded engines with one parser."""

    def __init__(
        self, parser: Detector, settings: Settings, bodies: Detector | None = None
    ) -> None:
        self.parser, self.settings, self.bodies = parser, settings, bodies
        self.efforts = (Effort(WIDTH), Effort(WIDTH // 2))
        self.level = 0
        self.closed = 0

    def masker(self, hidden: frozenset[str], apart: frozenset[str]) -> Masker:
        info = replace(make_info(WIDTH, HEIGHT), live=True)
        horizon = Horizon.of_live(self.settings, info)
        return Masker(
            [self.parser], hidden, self.settings, info, horizon, bodies=self.bodies, apart=apart
        )

    def close(self) -> None:
        self.closed += 1


def context_with(
    parsers: Callable[[], Detector], settings: Settings, *, room: int = 1000
) -> InferenceContext:
    """Args: parsers: gives a parser each time that engines are loaded."""
    frames: Channel[Frame] = Channel(room, Overflow.DROP_OLDEST)
    masked: Channel[ChosenFrame] = Channel(1000, Overflow.DROP_OLDEST)
    controls = Controls(settings.redaction, [stub_row()], debug=False)
    return InferenceContext(
        lambda: StubEngines(parsers(), settings), frames, masked, settings.live, controls,
        LiveStats(),
    )  # fmt: skip


def context_with_bodies(bodies: Callable[[], Detector], settings: Settings) -> InferenceContext:
    """A context whose engines are a parser of faces that sees nobody, and one of bodies."""
    context = context_with(lambda: StubParser(nobody), settings)
    context.load = lambda: StubEngines(StubParser(nobody), settings, bodies())
    return context


@contextmanager
def running(context: InferenceContext) -> Iterator[Inference]:
    """The stage at work."""
    inference = Inference(context)
    inference.start()
    try:
        yield inference
    finally:
        inference.close(5)


def feed(
    context: InferenceContext,
    frames: Sequence[Frame],
    check: Callable[[float], None] = lambda _: None,
) -> None:
    """Put frames in as a camera would."""
    for frame in frames:
        context.put(replace(frame, captured_at=monotonic()))
        check(0.0)
        sleep(1 / RATE)


def drain(context: InferenceContext, count: int, seconds: float = 10.0) -> list[MaskedFrame]:
    """The next masked frames, as many as come of `count`."""
    return [chosen.masked for chosen in drain_chosen(context, count, seconds)]


def drain_chosen(context: InferenceContext, count: int, seconds: float = 10.0) -> list[ChosenFrame]:
    """The same, each with the choice that its masks were made for."""
    got: list[ChosenFrame] = []
    deadline = monotonic() + seconds
    while len(got) < count and monotonic() < deadline:
        try:
            got.append(context.masked.get(timeout=0.05))
        except TimeoutError:
            continue
        except (Closed, Cancelled):
            break
    return got
