"""`stream-anon tokens`, and what `stream-anon serve` refuses before it listens."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from stream_anon.cli.main import run
from stream_anon.config import load_settings
from stream_anon.web.security.who import Role
from tests.web.room import Client, Room, web_settings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Told:
    return Told(tmp_path / "room", capsys)


class Told:
    """What a command printed."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._folder, self._capsys = folder, capsys

    def tokens(self, *arguments: str, code: int = 0) -> str:
        assert run(["tokens", *arguments, "--folder", str(self._folder)]) == code
        shown = self._capsys.readouterr()
        return shown.out if code == 0 else shown.err

    def serve(self, *arguments: str, code: int) -> str:
        assert run(["serve", "--folder", str(self._folder), "--port", "0", *arguments]) == code
        return self._capsys.readouterr().err


def test_people_are_added_listed_renewed_and_removed(told: Told) -> None:
    assert "nobody has a token" in told.tokens("list")
    first = told.tokens("add", "ann").split()[-1]
    told.tokens("add", "bob", "--role", "operator")
    assert told.tokens("list") == "ann: viewer\nbob: operator\n"
    assert "has a token" in told.tokens("add", "ann", code=2)
    second = told.tokens("renew", "ann").split()[-1]
    assert first != second
    told.tokens("remove", "bob")
    assert told.tokens("list") == "ann: viewer\n"
    assert "nobody is called" in told.tokens("link", "bob", code=2)
    assert "cannot be a name" in told.tokens("add", "../x", code=2)


def test_a_server_that_runs_follows_at_once(tmp_path: Path, told: Told) -> None:
    with Room(load_settings(None, web_settings(tmp_path))) as room:
        client = Client(room, told.tokens("add", "ann").split()[-1])
        assert client.get("/api/v1/session").json() == {"name": "ann", "role": "viewer"}
        link = told.tokens("link", "ann").split()[-1]
        browser = Client(room)
        assert browser.get("/login", params={"token": link.partition("token=")[2]}).is_success
        assert browser.get("/api/v1/session").json()["name"] == "ann"
        told.tokens("remove", "ann")
        assert client.get("/api/v1/session").status_code == 401
        assert browser.get("/api/v1/session").status_code == 401
        assert room.audit() == ["remove token", "log in", "make login link", "add token"]


def test_an_operators_work_shows_who_did_it(tmp_path: Path, told: Told) -> None:
    with Room(load_settings(None, web_settings(tmp_path))) as room:
        client = Client(room, told.tokens("add", "bob", "--role", "operator").split()[-1])
        client.patch("/api/v1/config", json={"redaction": {"method": "fill"}})
        entry = room.services.audit_log.entries()[0]
        assert (entry.who, entry.role, entry.action) == ("bob", Role.operator, "change settings")
        assert entry.details == {"redaction.method": "fill"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--host", "0.0.0.0"], "--behind-proxy"),
        (["--host", "0.0.0.0", "--behind-proxy"], "--allow-host"),
        (["--tls-cert", "a.pem"], "--tls-key"),
        (["--token", "short"], "choose a longer one"),
    ],
)
def test_what_would_be_unsafe_is_refused_before_anything_listens(
    told: Told, options: list[str], said: str
) -> None:
    assert said in told.serve(*options, code=2)


def test_without_its_extra_it_says_how_to_get_it(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "stream_anon.web.server", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert "pip install 'stream-anon[web]'" in told.serve(code=5)
