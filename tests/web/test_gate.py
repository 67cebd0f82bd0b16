"""Hosts, origins, headers and bodies: what no request gets past."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stream_anon.config import load_settings
from stream_anon.errors import ConfigError
from stream_anon.web.listening import check_listening, names_of
from stream_anon.web.security.bodies import SMALL
from stream_anon.web.security.gate import host_of
from stream_anon.web.security.who import Role
from tests.web.room import ORIGIN, Room, web_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

SWITCH = {"anonymization": True}


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "", "127.0.0.1@evil.example", "0.0.0.0", "a b"],
)
def test_another_host_is_refused(room: Room, host: str) -> None:
    answer = room.operator.get("/health", headers={"host": host})
    assert answer.status_code == 421


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8080", "LOCALHOST:1", "[::1]:8080"])
def test_names_of_this_machine_are_served(room: Room, host: str) -> None:
    assert room.nobody.get("/health", headers={"host": host}).status_code == 200


def test_two_hosts_are_refused(room: Room) -> None:
    headers = [("host", "localhost"), ("host", "evil.example")]
    assert room.nobody.get("/health", headers=headers).status_code == 421


def test_hosts_are_read_as_browsers_write_them() -> None:
    assert host_of("Room.example:8443") == "room.example"
    assert host_of("[2001:db8::1]:80") == "2001:db8::1"
    assert [host_of(odd) for odd in ("", "a/b", "a:b", "[", "a@b")] == [None] * 5


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://127.0.0.1:81",
        "https://127.0.0.1",
        "http://localhost",
    ],
)
def test_a_write_from_another_page_is_refused(room: Room, origin: str) -> None:
    browser = room.browser(Role.operator)
    for client in (browser, room.operator):
        answer = client.post("/config", json=SWITCH, headers={"origin": origin})
        assert answer.status_code == 403
    assert "turn anonymization on" not in room.audit()


def test_a_write_from_our_page_is_taken(room: Room) -> None:
    browser = room.browser(Role.operator)
    answer = browser.post("/config", json=SWITCH, headers={"origin": ORIGIN})
    assert answer.status_code == 200
    assert room.audit()[0] == "turn anonymization on"


def test_a_cookie_without_an_origin_changes_nothing(room: Room) -> None:
    browser = room.browser(Role.operator)
    assert browser.post("/config", json=SWITCH).status_code == 403
    assert room.operator.post("/config", json=SWITCH).status_code == 200  # a program's token


def test_another_site_cannot_log_somebody_in(room: Room) -> None:
    answer = room.nobody.post(
        "/login",
        data={"token": room.tokens[Role.viewer]},
        headers={"origin": "https://evil.example"},
    )
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_a_websocket_of_another_page_is_closed(room: Room) -> None:
    sent: list[str] = []

    async def receive() -> dict[str, str]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, object]) -> None:
        sent.append(str(message["type"]))

    headers = [(b"host", b"127.0.0.1"), (b"origin", b"https://evil.example")]
    scope = {"type": "websocket", "scheme": "ws", "path": "/", "headers": headers}
    room.runner.run(room.app(scope, receive, send))  # type: ignore[arg-type]
    assert sent == ["websocket.close"]


@pytest.mark.parametrize("path", ["/health", "/login", "/nowhere", "/api/v1/config"])
def test_every_answer_says_what_browsers_may_do(room: Room, path: str) -> None:
    headers = room.nobody.get(path).headers
    csp = headers["content-security-policy"]
    assert "default-src 'none'" in csp
    assert "frame-ancestors 'none'" in csp
    assert "unsafe" not in csp
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert "server" not in headers


@pytest.mark.parametrize(
    "path",
    [
        "/../etc/passwd",
        "/static/../app.py",
        "/static/..%2fapp.py",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/static/%2e%2e/app.py",
        "/static//etc/passwd",
    ],
)
def test_no_path_leads_out(room: Room, path: str) -> None:
    answer = room.operator.get(path)
    assert answer.status_code in (404, 405)
    assert set(answer.json()) == {"error"}


def test_a_body_that_says_it_is_too_large_is_not_read(room: Room) -> None:
    answer = room.operator.post("/config", content=b"x" * (SMALL + 1))
    assert answer.status_code == 413


def test_a_body_that_does_not_say_how_large_it_is_is_counted(room: Room) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 100 * SMALL:
            sent += 1 << 16
            yield b"x" * (1 << 16)

    answer = room.operator.request("PATCH", "/api/v1/config", content=endless())
    assert answer.status_code == 413
    assert sent <= 2 * SMALL


def test_errors_are_one_line_of_json_without_what_was_sent_in_secret(room: Room) -> None:
    answer = room.operator.patch("/api/v1/config", content=b"{", headers={"content-type": "x/y"})
    assert answer.status_code == 422
    assert list(answer.json()) == ["error"]
    answer = room.operator.patch(
        "/api/v1/config", json={"redaction": {"scope": "rtsp://me:hunter2@cam/1"}}
    )
    assert answer.status_code == 422
    assert "hunter2" not in answer.text
    assert "\n" not in answer.json()["error"]


def test_what_nobody_expected_says_nothing(
    room: Room, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(**_: object) -> None:
        raise RuntimeError("a password")

    monkeypatch.setattr(room.services.audit_log, "entries", broken)
    answer = room.operator.get("/api/v1/audit-log")
    assert answer.status_code == 500
    assert answer.json() == {"error": "unexpected error: the server's log says where"}
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "RuntimeError" in caplog.text
    assert "a password" not in caplog.text


class TestListening:
    @pytest.mark.parametrize(
        ("web", "missing"),
        [
            ({"host": "0.0.0.0"}, "--tls-cert"),
            ({"host": "192.0.2.1"}, "--behind-proxy"),
            ({"host": "::"}, "--tls-cert"),
            ({"host": "room.example"}, "--tls-cert"),
            ({"host": "0.0.0.0", "behind_proxy": True}, "--allow-host"),
            ({"host": "192.0.2.1", "behind_proxy": True, "anonymous": True}, "anonymous"),
            ({"tls_cert": "a.pem"}, "--tls-key"),
            ({"tls_cert": "a", "tls_key": "b", "behind_proxy": True}, "proxy"),
        ],
    )
    def test_what_would_be_unsafe_is_refused(self, web: dict[str, object], missing: str) -> None:
        settings = load_settings(None, {f"web.{key}": value for key, value in web.items()})
        with pytest.raises(ConfigError, match=missing):
            check_listening(settings.web)

    @pytest.mark.parametrize(
        ("web", "names"),
        [
            ({}, {"localhost", "127.0.0.1", "::1"}),
            (
                {"host": "::1", "hosts": ["Room.local"]},
                {"localhost", "127.0.0.1", "::1", "room.local"},
            ),
            ({"host": "192.0.2.1", "behind_proxy": True}, {"192.0.2.1"}),
            ({"host": "0.0.0.0", "hosts": ["a.example"], "behind_proxy": True}, {"a.example"}),
        ],
    )
    def test_what_is_safe_has_its_names(self, web: dict[str, object], names: set[str]) -> None:
        settings = load_settings(None, {f"web.{key}": value for key, value in web.items()})
        check_listening(settings.web)
        assert names_of(settings.web) == names


def test_behind_a_proxy_pages_are_https(tmp_path: Path) -> None:
    settings = load_settings(None, web_settings(tmp_path, **{"web.behind_proxy": True}))
    with Room(settings) as room:
        for origin, code in ((ORIGIN, 403), (ORIGIN.replace("http", "https"), 401)):
            answer = room.nobody.post("/login", data={"token": "no"}, headers={"origin": origin})
            assert answer.status_code == code
