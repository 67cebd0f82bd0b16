"""Tokens, logins, roles: who gets in, for how long, and what is kept of their secrets."""

from __future__ import annotations

import sqlite3
from http.cookies import SimpleCookie
from time import time
from typing import TYPE_CHECKING

import pytest

from stream_anon.config import load_settings
from stream_anon.errors import ConfigError
from stream_anon.web.security import rate_limit, tokens
from stream_anon.web.security.rate_limit import RateLimit
from stream_anon.web.security.who import Role
from tests.web.room import ORIGIN, Client, Room, web_settings

if TYPE_CHECKING:
    from pathlib import Path


def log_in(client: Client, token: str) -> int:
    answer = client.post("/login", data={"token": token}, headers={"origin": ORIGIN})
    return answer.status_code


def name_of(client: Client) -> str | None:
    answer = client.get("/api/v1/session")
    return answer.json()["name"] if answer.status_code == 200 else None


def test_a_token_opens_a_session_with_a_strict_cookie(room: Room) -> None:
    client = Client(room)
    answer = client.post(
        "/login", data={"token": room.tokens[Role.viewer]}, headers={"origin": ORIGIN}
    )
    (cookie,) = SimpleCookie(answer.headers["set-cookie"]).values()
    assert (cookie["httponly"], cookie["samesite"].lower(), cookie["path"]) == (True, "strict", "/")
    assert room.tokens[Role.viewer] not in answer.headers["set-cookie"] + answer.text
    assert client.get("/api/v1/session").json() == {"name": "some viewer", "role": "viewer"}
    assert room.audit() == ["log in"]


def test_under_tls_the_cookie_is_for_this_host_alone(tmp_path: Path) -> None:
    settings = load_settings(None, web_settings(tmp_path, **{"web.behind_proxy": True}))
    with Room(settings) as room:
        answer = room.nobody.post("/login", data={"token": room.tokens[Role.viewer]})
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-")
        assert "Secure" in cookie
        assert "strict-transport-security" in answer.headers


def test_a_program_sends_its_token_with_each_request(room: Room) -> None:
    assert name_of(room.viewer) == "some viewer"
    assert name_of(room.operator) == "some operator"
    assert name_of(Client(room, room.tokens[Role.viewer] + "x")) is None
    assert name_of(Client(room, "sa_1_" + "x" * 43)) is None


def test_a_wrong_token_of_a_program_is_not_made_good_by_a_cookie(room: Room) -> None:
    client = room.browser(Role.operator)
    answer = client.get("/api/v1/session", headers={"authorization": "Bearer wrong"})
    assert answer.status_code == 401


def test_a_link_is_good_once_and_no_token(room: Room) -> None:
    link = room.services.auth.tokens.link("some operator")
    assert name_of(Client(room, link)) is None
    first, second = Client(room), Client(room)
    answer = first.get("/login", params={"token": link})
    assert answer.status_code == 200
    assert link not in answer.text
    assert name_of(first) == "some operator"
    assert second.get("/login", params={"token": link}).status_code == 401
    assert name_of(second) is None


def test_a_link_ends_after_an_hour(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    link = room.services.auth.tokens.link("some operator")
    later = time() + tokens.LINK_LIFE + 1
    monkeypatch.setattr(tokens, "time", lambda: later)
    assert room.nobody.get("/login", params={"token": link}).status_code == 401


def test_logging_out_ends_the_session(room: Room) -> None:
    client, other = room.browser(Role.viewer), room.browser(Role.viewer)
    cookies = dict(client.http.cookies)
    assert client.post("/logout", headers={"origin": ORIGIN}).status_code == 200
    stolen = Client(room)
    stolen.http.cookies.update(cookies)
    assert name_of(stolen) is None
    assert name_of(other) == "some viewer"


@pytest.mark.parametrize("how", ["remove", "renew"])
def test_without_their_token_somebodys_logins_end(room: Room, how: str) -> None:
    browser = room.browser(Role.operator)
    assert name_of(room.operator) == "some operator"
    getattr(room.services.auth.tokens, how)("some operator")
    assert name_of(browser) is None
    assert name_of(room.operator) is None


def test_a_session_ends_with_its_time(tmp_path: Path) -> None:
    settings = load_settings(None, web_settings(tmp_path, **{"web.session_hours": 1e-7}))
    with Room(settings) as room:
        client = Client(room)
        cookie = room.services.auth.sessions.begin(1)
        client.http.cookies.set(room.services.auth.cookie, cookie)
        assert name_of(client) is None


def test_secrets_are_kept_as_hashes_only(room: Room) -> None:
    client = room.browser(Role.operator)
    link = room.services.auth.tokens.link("some operator")
    (cookie,) = client.http.cookies.values()
    files = list(room.services.folder.iterdir())
    kept = b"".join(path.read_bytes() for path in files)
    for secret in (*room.tokens.values(), link, cookie):
        assert secret[-20:].encode() not in kept
    assert room.services.folder.stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o077 == 0 for path in files)


def test_hashes_are_salted_scrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "COST", 1 << 14)
    one, other = tokens.hashed("secret"), tokens.hashed("secret")
    assert one != other
    assert one.startswith("scrypt$16384$8$1$")
    assert tokens.matches("secret", one)
    assert not tokens.matches("Secret", one)
    assert not tokens.matches("secret", one.replace("$16384$", "$2$"))


def test_who_fails_too_often_has_to_wait(room: Room) -> None:
    browser = room.browser(Role.viewer)
    assert name_of(room.operator) == "some operator"
    late = room.services.auth.tokens.add("late", Role.viewer)
    codes = [log_in(Client(room), f"wrong {n}") for n in range(rate_limit.MOST + 2)]
    assert codes == [401] * rate_limit.MOST + [429] * 2
    answer = room.nobody.post("/login", data={"token": late})
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= rate_limit.WITHIN
    assert "failed_logins_total 10" in room.operator.get("/metrics").text
    assert name_of(browser) == "some viewer"  # whoever is in stays in
    assert name_of(room.operator) == "some operator"


def test_too_many_checks_at_once_are_refused(room: Room) -> None:
    auth = room.services.auth
    while auth._checks.acquire(blocking=False):
        pass
    assert log_in(Client(room), room.tokens[Role.viewer]) == 503


def test_the_limit_counts_neighbours_together_and_forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(rate_limit, "monotonic", lambda: now)
    limit = RateLimit()
    for number in range(rate_limit.MOST):
        limit.failed(f"2001:db8::{number:x}")
    assert limit.wait("2001:db8::ffff") > 0
    assert limit.wait("2001:db8:0:1::1") == 0
    assert limit.wait("192.0.2.1") == 0
    now += rate_limit.WITHIN + 1
    assert limit.wait("2001:db8::ffff") == 0


def test_given_tokens_are_for_one_run(room: Room) -> None:
    known = room.services.auth.tokens
    known.give({Role.viewer: "a token of my own choice"})
    mine = Client(room, "a token of my own choice")
    assert mine.get("/api/v1/session").json()["role"] == "viewer"
    known.give({})
    assert name_of(mine) is None
    with pytest.raises(ConfigError, match="choose a longer one"):
        known.give({Role.operator: "short"})


def test_anonymous_viewers_are_viewers(tmp_path: Path) -> None:
    settings = load_settings(None, web_settings(tmp_path, **{"web.anonymous": True}))
    with Room(settings) as room:
        assert room.nobody.get("/api/v1/config").status_code == 200
        assert room.nobody.get("/api/v1/audit-log").status_code == 403
        assert name_of(room.operator) == "some operator"


def test_a_folder_that_others_can_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "room").mkdir(mode=0o755)
    with pytest.raises(ConfigError, match="chmod 700"):
        Room(load_settings(None, web_settings(tmp_path))).__enter__()


def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    settings = load_settings(None, web_settings(tmp_path))
    with Room(settings) as room:
        path = next(room.services.folder.glob("*.sqlite3"))
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(ConfigError, match="newer version"):
        Room(settings).__enter__()
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(ConfigError, match="cannot use the database"):
        Room(settings).__enter__()
