"""The OpenAPI document, and that nothing that is sent to what it describes is a server's error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from stream_anon.web.photos.room import Answer

if TYPE_CHECKING:
    from tests.web.room import Room

ODD: tuple[Any, ...] = (
    None, True, 0, -1, 2**70, 1e308, "", "x" * 9000, "\0", "\ud7ff\u202e", [], [[]], {}, {"": {}},
    {"anonymization": None}, {"redaction": {"zones": [{}]}}, {"redaction": {"rules": []}},
    {"redaction": {"scope": []}}, {"redaction": {"scope": [""]}}, {"redaction": {"color": "#"}},
    {"redaction": {"method": "\0"}}, {"redaction": {"cells": 2**70}}, {"redaction": {"": 1}},
    {"redaction": {"edge": 1e400}}, {"redaction": {"zones": [{"name": 1, "points": [[1e400, 0]]}]}},
)  # fmt: skip
ENDLESS = ("/events", "/stream")
"""Answers that do not end by themselves."""
TEXTS = ("", "0", "-1", "99999999999999999999", "x" * 9000, "\0", "\u202e", "%00", "null", "[]")


@pytest.fixture
def busy_room(room: Room, monkeypatch: pytest.MonkeyPatch) -> Room:
    """Photos come back as they are: this is about what is around them."""
    answer = Answer(b"", "image/png", [], False)
    monkeypatch.setattr(room.services.photos, "redact", lambda *_: answer)
    return room


def operations(room: Room) -> list[tuple[str, str, dict[str, Any]]]:
    document = room.viewer.get("/api/v1/openapi.json").json()
    return [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_every_operation_says_what_it_answers_with(room: Room) -> None:
    found = operations(room)
    assert len(found) >= 9
    for method, path, operation in found:
        assert {"4XX", "5XX"} <= set(operation["responses"]), (method, path)
        assert operation.get("description"), (method, path)
        assert ("security" in operation) == (path != "/health")


def test_nothing_odd_is_a_servers_error(busy_room: Room) -> None:
    for method, path, operation in operations(busy_room):
        names = [p["name"] for p in operation.get("parameters", ()) if p["in"] == "query"]
        concrete = path.replace("{", "").replace("}", "")
        for text in TEXTS if names else ():
            params = dict.fromkeys(names, text)
            answer = busy_room.operator.request(
                method, concrete, params=params, files={"image": b"x"} if method == "POST" else None
            )
            assert answer.status_code < 500, (method, path, text, answer.text)
        for body in ODD if method != "GET" else ():
            answer = busy_room.operator.request(method, concrete, json=_finite(body))
            assert answer.status_code < 500, (method, path, body, answer.text)
        if path.endswith(ENDLESS):
            continue
        for content in (b"", b"{", b"\xff\xfe", b"[" * 5000, b'{"a":' * 3000):
            answer = busy_room.operator.request(
                method, concrete, content=content, headers={"content-type": "application/json"}
            )
            assert answer.status_code < 500, (method, path, content[:20], answer.text)


def _finite(body: Any) -> Any:
    """JSON has no infinity; a number that is too large stands for it."""
    if isinstance(body, dict):
        return {name: _finite(value) for name, value in body.items()}
    if isinstance(body, list):
        return [_finite(value) for value in body]
    return 10**400 if body == float("inf") else body
