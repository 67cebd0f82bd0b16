"""What a live run says in one line, to people and to logs."""

from __future__ import annotations

import io
import os
import pty
import select
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from stream_anon.core.redacted import Unknown
from stream_anon.pipeline.figures import lines
from stream_anon.pipeline.figures.lines import StatusLine, duration, log_line, status_text
from stream_anon.pipeline.figures.stats import LiveStats, SinkFigures, Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator


def figures(**changes: Any) -> Snapshot:
    """A run that is well, but for what is changed."""
    well = replace(
        LiveStats().snapshot(),
        uptime=3723.0,
        frames_in=93000,
        frames_out=92990,
        fps_in=25.0,
        fps_out=24.96,
        latency=(0.0921, 0.1409, 0.1602),
        people=2,
        mask_age=3,
        oldest_mask=8,
        connected=True,
        since_good=0.02,
    )
    return replace(well, **changes)


def fields(line: str) -> dict[str, str]:
    word, *pairs = line.split(" ")
    assert word == "live"
    return dict(pair.split("=", 1) for pair in pairs)


class TestStatusText:
    def test_a_run_that_is_well(self) -> None:
        assert status_text(figures(), "cam") == (
            "cam · 25.0 fps in, 25.0 out · 92 ms (p95 141) · 2 hidden · running 1 h 2 min"
        )

    def test_trouble_comes_first(self) -> None:
        text = status_text(
            figures(
                connected=False,
                reason="connection refused",
                since_good=12.4,
                hidden_now=Unknown.AWAY,
                reconnects=1,
                dropped={"too old": 3},
                effort=1,
                sinks={
                    "a.mkv": SinkFigures("opening again", up=False, dropped=7),
                    "preview": SinkFigures("showing"),
                },
            ),
            "cam",
        )
        assert text.startswith("cam · no picture for 12 s: connection refused · a.mkv: opening ")
        for part in ("3 dropped", "7 dropped by outputs", "1 reconnect ", "reduced effort (1)"):
            assert part in f"{text} "
        assert "preview" not in text

    def test_whole_hiding_says_why(self) -> None:
        text = status_text(figures(hidden_now=Unknown.LATE, people=0), "cam")
        assert text.startswith("cam · hidden whole: no mask in time · ")
        assert "0 hidden" not in text

    def test_before_the_first_frame(self) -> None:
        text = status_text(LiveStats().snapshot(), "cam")
        assert text == "cam · no picture · 0.0 fps in, 0.0 out · 0 hidden · running 0 s"

    @pytest.mark.parametrize(
        ("seconds", "said"),
        [
            (0.4, "0 s"),
            (59.9, "59 s"),
            (60, "1 min 0 s"),
            (3600, "1 h 0 min"),
            (86400 * 31 + 5, "31 d 0 h"),
        ],
    )
    def test_durations(self, seconds: float, said: str) -> None:
        assert duration(seconds) == said


class TestLogLine:
    def test_every_figure_has_a_name(self) -> None:
        line = log_line(
            figures(
                damaged=4,
                lost_packets=9,
                reconnects=2,
                dropped={"too old": 5, "no memory": 1},
                hidden_whole={Unknown.LATE: 7, Unknown.AWAY: 40},
                sinks={
                    "rtsp://x/y": SinkFigures("opening again", up=False, dropped=2, restarts=3),
                    "a.mkv": SinkFigures("writing", dropped=1),
                },
            )
        )
        assert "\n" not in line
        assert fields(line) == {
            "uptime_s": "3723",
            "connected": "1",
            "fps_in": "25.0",
            "fps_out": "25.0",
            "latency_p50_ms": "92",
            "latency_p95_ms": "141",
            "latency_p99_ms": "160",
            "frames_in": "93000",
            "frames_out": "92990",
            "damaged": "4",
            "lost_packets": "9",
            "dropped": "6",
            "dropped_no_memory": "1",
            "dropped_too_old": "5",
            "hidden_whole": "47",
            "hidden_whole_late": "7",
            "hidden_whole_away": "40",
            "reconnects": "2",
            "mask_age": "3",
            "mask_age_max": "8",
            "people": "2",
            "effort": "0",
            "outputs": "2",
            "outputs_down": "1",
            "outputs_dropped": "3",
            "outputs_restarts": "3",
        }

    def test_no_latency_without_frames(self) -> None:
        assert fields(log_line(figures(latency=None)))["latency_p95_ms"] == "-"

    def test_reasons_of_any_words_stay_one_field(self) -> None:
        named = fields(log_line(figures(dropped={"a=b  c: d/e": 2})))
        assert named["dropped_a_b_c_d_e"] == "2"


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Console, int]]:
    """A console on a terminal of 60 columns, and the other end of it."""
    monkeypatch.setattr(lines, "REDRAW", 0.0)
    outer, inner = pty.openpty()
    file = os.fdopen(inner, "w", encoding="utf-8")
    yield Console(file=file, width=60, force_terminal=True), outer
    os.close(outer)
    try:
        file.close()
    except OSError:
        return


def seen(outer: int) -> str:
    """What has come out of a terminal once nothing more comes."""
    data = b""
    while select.select([outer], [], [], 0.3)[0]:
        data += os.read(outer, 65536)
    return data.decode()


class TestStatusLine:
    def test_one_line_on_a_terminal(self, terminal: tuple[Console, int]) -> None:
        console, outer = terminal
        with StatusLine(console, "rtsp://u:secret@cam/1") as line:
            line.update(figures(reason="x" * 200, connected=False))
            line.update(figures())
            shown = seen(outer)
        assert "rtsp://cam/1 · starting" in shown
        assert "rtsp://cam/1 · 25.0 fps in" in shown
        assert "…" in shown
        assert "\n" not in shown
        assert "secret" not in shown

    def test_silent_without_a_terminal_or_where_told(self) -> None:
        for force, shown in ((False, True), (True, False)):
            file = io.StringIO()
            with StatusLine(Console(file=file, force_terminal=force), "cam", shown=shown) as line:
                line.update(figures())
            assert file.getvalue() == ""

    def test_a_terminal_that_goes_away_stops_nothing(self) -> None:
        class Gone(io.StringIO):
            gone = False

            def write(self, text: str, /) -> int:
                if self.gone:
                    raise OSError(5, "Input/output error")
                return super().write(text)

        file = Gone()
        with StatusLine(Console(file=file, force_terminal=True, width=60), "cam") as line:
            file.gone = True
            line.update(figures())
            line.update(figures())
        assert "starting" in file.getvalue()

    def test_not_redrawn_all_the_time(
        self, terminal: tuple[Console, int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        console, outer = terminal
        monkeypatch.setattr(lines, "REDRAW", 3600.0)
        with StatusLine(console, "cam") as line:
            for _ in range(50):
                line.update(figures())
            shown = seen(outer)
        assert shown.count("25.0 fps in") == 1
