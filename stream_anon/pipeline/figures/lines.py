"""One-line summaries of a live run: a status line for terminals, a periodic line for logs."""

from __future__ import annotations

from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Self

from rich.live import Live
from rich.text import Text

from stream_anon.core.credentials import without_credentials

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from stream_anon.pipeline.figures.stats import Snapshot

REDRAW = 0.5
"""Seconds between two updates of the status line."""
_UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def status_text(figures: Snapshot, name: str) -> str:
    """The figures for people; problems come first, because narrow terminals cut off the end."""
    return " · ".join([name, *_problems(figures), *_figures(figures)])


def _problems(figures: Snapshot) -> Iterator[str]:
    if not figures.connected:
        away = "" if figures.since_good is None else f" for {duration(figures.since_good)}"
        yield f"no picture{away}{figures.reason and f': {figures.reason}'}"
    elif figures.hidden_now is not None:
        yield f"hidden whole: {figures.hidden_now.value}"
    for label, sink in figures.sinks.items():
        if not sink.up:
            yield f"{label}: {sink.state}"


def _figures(figures: Snapshot) -> Iterator[str]:
    yield f"{figures.fps_in:.1f} fps in, {figures.fps_out:.1f} out"
    if figures.latency is not None:
        p50, p95, _ = figures.latency
        yield f"{1000 * p50:.0f} ms (p95 {1000 * p95:.0f})"
    if figures.hidden_now is None:
        yield f"{figures.people} hidden"
    if figures.dropped_total:
        yield f"{figures.dropped_total} dropped"
    slow = sum(sink.dropped for sink in figures.sinks.values())
    if slow:
        yield f"{slow} dropped by outputs"
    if figures.effort:
        yield f"reduced effort ({figures.effort})"
    if figures.reconnects:
        yield f"{figures.reconnects} reconnect{'s' * (figures.reconnects > 1)}"
    yield f"running {duration(figures.uptime)}"


def duration(seconds: float) -> str:
    """The two largest units that count, such as `3 d 4 h`."""
    left, said = int(seconds), list[str]()
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        if count or said:
            said.append(f"{count} {unit}")
    return " ".join(said[:2]) or "0 s"


def log_line(figures: Snapshot) -> str:
    """The figures as `live name=value …`; reasons that never happened are left out."""
    fields: dict[str, object] = {
        "uptime_s": round(figures.uptime),
        "connected": int(figures.connected),
        "fps_in": f"{figures.fps_in:.1f}",
        "fps_out": f"{figures.fps_out:.1f}",
        **_latencies(figures),
        "frames_in": figures.frames_in,
        "frames_out": figures.frames_out,
        "damaged": figures.damaged,
        "lost_packets": figures.lost_packets,
        "dropped": figures.dropped_total,
        **{f"dropped_{_key(why)}": n for why, n in sorted(figures.dropped.items())},
        "hidden_whole": figures.hidden_total,
        **{f"hidden_whole_{why.name.lower()}": n for why, n in figures.hidden_whole.items()},
        "reconnects": figures.reconnects,
        "mask_age": figures.mask_age,
        "mask_age_max": figures.oldest_mask,
        "people": figures.people,
        "effort": figures.effort,
        **_outputs(figures),
    }
    return " ".join(["live", *(f"{name}={value}" for name, value in fields.items())])


def _latencies(figures: Snapshot) -> dict[str, str]:
    names = ("latency_p50_ms", "latency_p95_ms", "latency_p99_ms")
    if figures.latency is None:
        return dict.fromkeys(names, "-")
    return {name: f"{1000 * value:.0f}" for name, value in zip(names, figures.latency, strict=True)}


def _outputs(figures: Snapshot) -> dict[str, int]:
    sinks = figures.sinks.values()
    return {
        "outputs": len(sinks),
        "outputs_down": sum(not sink.up for sink in sinks),
        "outputs_dropped": sum(sink.dropped for sink in sinks),
        "outputs_restarts": sum(sink.restarts for sink in sinks),
    }


def _key(text: str) -> str:
    return "_".join("".join(c if c.isalnum() else " " for c in text.lower()).split())


class StatusLine:
    """One line at the bottom of a terminal; silent elsewhere.

    A terminal that has stopped its output (Ctrl-S) holds up whoever calls `update`: call it from a
    thread that nothing waits for.
    """

    def __init__(self, console: Console, name: str, *, shown: bool = True) -> None:
        """Args: shown: False keeps it silent on a terminal too."""
        self._name = without_credentials(name)
        self._live: Live | None = None
        if shown and console.is_terminal:
            self._live = Live(console=console, auto_refresh=False, transient=True)
        self._drawn = -REDRAW

    def __enter__(self) -> Self:
        self._draw(Text(f"{self._name} · starting"), start=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            with suppress(OSError):
                self._live.stop()

    def update(self, figures: Snapshot) -> None:
        """Show the figures, if the last ones have been there for long enough."""
        now = monotonic()
        if self._live is not None and now - self._drawn >= REDRAW:
            self._drawn = now
            self._draw(Text(status_text(figures, self._name)))

    def _draw(self, text: Text, *, start: bool = False) -> None:
        text.no_wrap, text.overflow = True, "ellipsis"
        if self._live is None:
            return
        try:
            if start:
                self._live.start()
            self._live.update(text, refresh=True)
        except OSError:  # the terminal has gone; the run goes on
            self._live = None
