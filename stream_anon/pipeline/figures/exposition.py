"""Figures in the Prometheus exposition format, through its client library (extra `live`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from stream_anon.core.redacted import Unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from stream_anon.pipeline.figures.stats import Snapshot

PREFIX = "stream_anon_"


def exposition_of(snapshot: Callable[[], Snapshot]) -> Callable[[str], tuple[bytes, str]]:
    """From a client's Accept header to the text of all figures and its content type."""
    registry = CollectorRegistry()
    registry.register(_Figures(snapshot))
    ProcessCollector(registry=registry)

    def write(accept: str) -> tuple[bytes, str]:
        encode, kind = choose_encoder(accept)
        return encode(registry), kind

    return write


class _Figures(Collector):
    """Asks for the figures whenever somebody collects them."""

    def __init__(self, snapshot: Callable[[], Snapshot]) -> None:
        self._snapshot = snapshot

    def describe(self) -> Iterator[Metric]:
        yield from ()  # the names below are ours alone

    def collect(self) -> Iterator[Metric]:
        figures = self._snapshot()
        yield from _flow(figures)
        yield from _care(figures)
        yield from _source(figures)
        yield from _sinks(figures)


def _counter(name: str, about: str, value: float) -> Metric:
    return CounterMetricFamily(PREFIX + name, about, value=value)


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(PREFIX + name, about, value=value)


def _counters(name: str, about: str, label: str, values: Mapping[str, float]) -> Metric:
    family = CounterMetricFamily(PREFIX + name, about, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _gauges(name: str, about: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(PREFIX + name, about, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _flow(figures: Snapshot) -> Iterator[Metric]:
    yield _gauge("uptime_seconds", "Time since the run started.", figures.uptime)
    yield _counter("frames_in", "Frames that came from the source.", figures.frames_in)
    yield _counter("frames_out", "Pictures handed to the outputs.", figures.frames_out)
    rates = {"in": figures.fps_in, "out": figures.fps_out}
    yield _gauges("fps", "Frames per second over the last seconds.", "direction", rates)
    yield _counters("dropped_frames", "Frames dropped before inference.", "reason", figures.dropped)
    latency = Metric(
        f"{PREFIX}latency_seconds",
        "Time from capture to hand-off; quantiles of the last minute.",
        "summary",
    )
    for quantile, value in zip(("0.5", "0.95", "0.99"), figures.latency or (), strict=False):
        latency.add_sample(latency.name, {"quantile": quantile}, value)
    latency.add_sample(f"{latency.name}_count", {}, figures.latency_count)
    latency.add_sample(f"{latency.name}_sum", {}, figures.latency_sum)
    yield latency


def _care(figures: Snapshot) -> Iterator[Metric]:
    hidden = {why.name.lower(): figures.hidden_whole.get(why, 0) for why in Unknown}
    yield _counters("hidden_whole_frames", "Pictures hidden whole, by reason.", "reason", hidden)
    yield _gauge("people_hidden", "People hidden in the last picture.", figures.people)
    yield _gauge(
        "mask_age_frames", "Frames since the last picture's oldest detection.", figures.mask_age
    )
    yield _gauge(
        "mask_age_max_frames", "The largest such age of the last minute.", figures.oldest_mask
    )
    yield _gauge("effort_level", "0 is the full effort; above, less is done.", figures.effort)


def _source(figures: Snapshot) -> Iterator[Metric]:
    yield _gauge("source_connected", "1 while the source is connected.", figures.connected)
    yield _counter("reconnects", "How often the source was reconnected.", figures.reconnects)
    yield _counter("damaged_frames", "Frames that came in damaged.", figures.damaged)
    yield _counter(
        "lost_packets", "Packets that were lost or could not be decoded.", figures.lost_packets
    )
    if figures.since_good is not None:
        yield _gauge(
            "last_good_frame_age_seconds",
            "Time since the last intact frame came in.",
            figures.since_good,
        )


def _sinks(figures: Snapshot) -> Iterator[Metric]:
    sinks = figures.sinks.items()
    yield _gauges(
        "sink_up", "1 while the output takes pictures.", "sink", {k: s.up for k, s in sinks}
    )
    yield _counters(
        "sink_frames", "Pictures that it took.", "sink", {k: s.frames for k, s in sinks}
    )
    yield _counters(
        "sink_dropped_frames",
        "Pictures that it was too slow for.",
        "sink",
        {k: s.dropped for k, s in sinks},
    )
    yield _counters(
        "sink_restarts",
        "How often it was reopened.",
        "sink",
        {k: s.restarts for k, s in sinks},
    )
