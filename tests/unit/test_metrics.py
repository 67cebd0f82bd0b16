"""Metrics and health over real HTTP on loopback; clients that misbehave disturb nobody."""

from __future__ import annotations

import json
import socket
import sys
import threading
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from http.client import HTTPConnection, HTTPResponse
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, cast

import pytest

from stream_anon.config import load_settings
from stream_anon.core.redacted import Unknown
from stream_anon.errors import ConfigError
from stream_anon.pipeline.figures import metrics
from stream_anon.pipeline.figures.metrics import health, serve_metrics
from stream_anon.pipeline.figures.stats import LiveStats, SinkFigures, Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stream_anon.pipeline.figures.metrics import MetricsServer

pytest.importorskip("prometheus_client", reason="pip install 'stream-anon[live]'")

pytestmark = [pytest.mark.slow, pytest.mark.realtime]

HOST = "127.0.0.1"
FIGURES = replace(
    LiveStats().snapshot(),
    frames_in=100,
    frames_out=98,
    damaged=3,
    fps_in=25.0,
    fps_out=24.5,
    latency=(0.09, 0.14, 0.16),
    latency_sum=9.8,
    latency_count=98,
    mask_age=2,
    oldest_mask=5,
    people=4,
    hidden_whole={Unknown.LATE: 7},
    dropped={"too old": 2},
    effort=1,
    connected=True,
    reconnects=6,
    since_good=0.5,
    sinks={'a "b".mkv': SinkFigures("writing", frames=98, dropped=1, restarts=2, up=False)},
)


@pytest.fixture(autouse=True)
def _closes_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "TICK", 0.02)


@contextmanager
def serving(
    snapshot: Callable[[], Snapshot] = lambda: FIGURES,
    healthy: Callable[[], tuple[bool, str]] = lambda: (True, "frames come in"),
) -> Iterator[MetricsServer]:
    server = serve_metrics(HOST, 0, snapshot, healthy)
    try:
        yield server
    finally:
        server.close()


def ask(
    port: int, path: str, method: str = "GET", *, accept: str = "*/*", host: str = HOST
) -> tuple[HTTPResponse, str]:
    with closing(HTTPConnection(host, port, timeout=5)) as connection:
        connection.request(method, path, headers={"Accept": accept})
        response = connection.getresponse()
        return response, response.read().decode()


def hears_us(client: socket.socket) -> bool:
    """Send a little more of a request that has no end."""
    try:
        client.sendall(b"G")
    except OSError:
        return False
    return True


def samples(text: str) -> dict[str, float]:
    pairs = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in pairs}


class TestMetrics:
    def test_all_figures_are_there(self) -> None:
        with serving() as server:
            response, text = ask(server.port, "/metrics")
        assert "version=0.0.4" in (response.getheader("Content-Type") or "")
        sink = '{sink="a \\"b\\".mkv"}'
        expected = {
            "stream_anon_frames_in_total": 100,
            "stream_anon_frames_out_total": 98,
            "stream_anon_damaged_frames_total": 3,
            'stream_anon_fps{direction="in"}': 25,
            'stream_anon_fps{direction="out"}': 24.5,
            'stream_anon_latency_seconds{quantile="0.5"}': 0.09,
            'stream_anon_latency_seconds{quantile="0.95"}': 0.14,
            'stream_anon_latency_seconds{quantile="0.99"}': 0.16,
            "stream_anon_latency_seconds_sum": 9.8,
            "stream_anon_latency_seconds_count": 98,
            "stream_anon_mask_age_frames": 2,
            "stream_anon_mask_age_max_frames": 5,
            "stream_anon_people_hidden": 4,
            'stream_anon_hidden_whole_frames_total{reason="late"}': 7,
            'stream_anon_hidden_whole_frames_total{reason="corrupt"}': 0,
            'stream_anon_dropped_frames_total{reason="too old"}': 2,
            "stream_anon_effort_level": 1,
            "stream_anon_source_connected": 1,
            "stream_anon_reconnects_total": 6,
            "stream_anon_last_good_frame_age_seconds": 0.5,
            f"stream_anon_sink_up{sink}": 0,
            f"stream_anon_sink_frames_total{sink}": 98,
            f"stream_anon_sink_dropped_frames_total{sink}": 1,
            f"stream_anon_sink_restarts_total{sink}": 2,
        }
        assert expected.items() <= samples(text).items()

    def test_figures_are_those_of_the_moment(self) -> None:
        stats = LiveStats()
        with serving(stats.snapshot) as server:
            before = samples(ask(server.port, "/metrics")[1])
            stats.drop("late", 3)
            after = samples(ask(server.port, "/metrics?x=1")[1])
        name = 'stream_anon_dropped_frames_total{reason="late"}'
        assert name not in before
        assert after[name] == 3
        assert "stream_anon_last_good_frame_age_seconds" not in before

    def test_prometheus_own_parser_reads_both_formats(self) -> None:
        from prometheus_client.openmetrics import parser as newer
        from prometheus_client.parser import text_string_to_metric_families

        accept = "application/openmetrics-text; version=1.0.0"
        with serving() as server:
            old = ask(server.port, "/metrics")[1]
            new = ask(server.port, "/metrics", accept=accept)[1]
        parse = cast("Any", text_string_to_metric_families)  # it has no types
        names = {family.name for family in parse(old)}
        assert {"stream_anon_frames_in", "stream_anon_latency_seconds"} <= names
        assert new.endswith("# EOF\n")
        assert names <= {
            family.name for family in cast("Any", newer).text_string_to_metric_families(new)
        }

    @pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")
    def test_memory_and_files_of_the_process_are_there(self) -> None:
        with serving() as server:
            found = samples(ask(server.port, "/metrics")[1])
        assert found["process_resident_memory_bytes"] > 1e6
        assert found["process_open_fds"] > 0


class TestHealth:
    @pytest.mark.parametrize(("well", "status"), [(True, 200), (False, 503)])
    def test_answers_with_one_line_of_json(self, well: bool, status: int) -> None:
        why = "lost rtsp://admin:hunter2@cam/1:\nrefused"
        with serving(healthy=lambda: (well, why)) as server:
            response, text = ask(server.port, "/healthz")
        assert response.status == status
        assert text.count("\n") == 1
        assert json.loads(text) == {"healthy": well, "detail": "lost rtsp://cam/1: refused"}

    def test_an_old_last_good_frame_is_ill(self) -> None:
        assert health(replace(FIGURES, since_good=9.9), 10)[0]
        assert health(replace(FIGURES, since_good=12.3), 10) == (False, "no intact frame for 12 s")
        away = replace(FIGURES, since_good=60.0, connected=False, reason="timed out")
        assert health(away, 10) == (False, "no intact frame for 60 s: timed out")

    def test_a_run_without_frames_has_the_limit_to_get_some(self) -> None:
        early = replace(FIGURES, since_good=None, uptime=3.0)
        assert health(early, 10)[0]
        assert not health(replace(early, uptime=11.0), 10)[0]


class TestRequests:
    @pytest.mark.parametrize("path", ["/", "/metrics/", "/healthz/../metrics", "/favicon.ico"])
    def test_nothing_else_is_served(self, path: str) -> None:
        with serving() as server:
            assert ask(server.port, path)[0].status == 404

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS"])
    def test_nothing_but_get(self, method: str) -> None:
        with serving() as server:
            assert ask(server.port, "/metrics", method)[0].status == 501

    def test_it_does_not_say_what_it_runs_on(self) -> None:
        with serving() as server:
            response, _ = ask(server.port, "/metrics")
        assert "Python" not in (response.getheader("Server") or "")

    def test_a_failure_is_logged_without_details(
        self, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
    ) -> None:
        def fails() -> Snapshot:
            raise RuntimeError("hunter2")

        with caplog.at_level("INFO"), serving(fails) as server:
            with pytest.raises(ConnectionError):
                ask(server.port, "/metrics")
            assert ask(server.port, "/healthz")[0].status == 200
        assert "a request for metrics failed: RuntimeError" in caplog.text
        assert "hunter2" not in caplog.text + "".join(capfd.readouterr())

    def test_silent_clients_are_given_up_and_others_served(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(metrics._Handler, "timeout", 0.3)
        with serving() as server, socket.create_connection((HOST, server.port), 5) as silent:
            assert ask(server.port, "/healthz")[0].status == 200
            assert silent.recv(10) == b""

    def test_a_client_that_dawdles_is_hung_up_on(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(metrics, "LONGEST_REQUEST", 0.5)
        with serving() as server, socket.create_connection((HOST, server.port), 5) as slow:
            started = monotonic()
            while hears_us(slow) and monotonic() - started < 5:
                sleep(0.05)
            assert 0.4 < monotonic() - started < 2

    def test_no_more_clients_at_once_than_the_bound(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(metrics, "LONGEST_REQUEST", 1.0)
        with serving() as server, ExitStack() as stack:
            before = threading.active_count()
            crowd = [
                stack.enter_context(socket.create_connection((HOST, server.port), 5))
                for _ in range(metrics.MOST_CLIENTS + 10)
            ]
            assert crowd[-1].recv(10) == b""  # turned away at once
            assert threading.active_count() - before <= metrics.MOST_CLIENTS
            sleep(1.5)
            assert ask(server.port, "/healthz")[0].status == 200

    def test_closing_does_not_wait_for_a_client(self) -> None:
        with ExitStack() as stack:
            server = serve_metrics(HOST, 0, lambda: FIGURES, lambda: (True, ""))
            stack.enter_context(socket.create_connection((HOST, server.port), 5))
            sleep(0.1)
            started = monotonic()
            server.close()
            server.close()
            assert monotonic() - started < 1
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((HOST, server.port), 5)


class TestStarting:
    def test_the_default_is_this_machine_only(self) -> None:
        assert load_settings().live.metrics_host == HOST

    def test_ipv6(self) -> None:
        try:
            server = serve_metrics("::1", 0, lambda: FIGURES, lambda: (True, ""))
        except ConfigError:
            pytest.skip("no IPv6 on this machine")
        assert ask(server.port, "/healthz", host="::1")[0].status == 200
        server.close()

    def test_a_taken_port_is_a_plain_error(self) -> None:
        with serving() as server, pytest.raises(ConfigError) as caught:
            serve_metrics(HOST, server.port, lambda: FIGURES, lambda: (True, ""))
        assert str(caught.value) == (
            f"cannot serve metrics on {HOST} port {server.port}: address already in use; "
            "choose another --metrics-port"
        )

    @pytest.mark.parametrize(
        ("host", "port", "word"),
        [("", 0, "metrics_host is empty"), ("192.0.2.1", 0, "192.0.2.1"), (HOST, 99999, "99999")],
    )
    def test_an_impossible_address_is_a_plain_error(self, host: str, port: int, word: str) -> None:
        with pytest.raises(ConfigError, match=word):
            serve_metrics(host, port, lambda: FIGURES, lambda: (True, ""))

    def test_without_the_package_it_says_how_to_get_it(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delitem(sys.modules, "stream_anon.pipeline.figures.exposition", raising=False)
        monkeypatch.setitem(sys.modules, "prometheus_client", None)
        with pytest.raises(ConfigError, match=r"pip install 'stream-anon\[live\]'"):
            serve_metrics(HOST, 0, lambda: FIGURES, lambda: (True, ""))

    def test_no_name_server_is_asked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def asked(*_: object) -> str:
            raise AssertionError("asked the name server")

        monkeypatch.setattr(socket, "getfqdn", asked)
        monkeypatch.setattr(socket, "gethostbyaddr", asked)
        with serving() as server:
            assert ask(server.port, "/healthz")[0].status == 200
