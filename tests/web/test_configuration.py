"""Settings that operators change: they hold at once, are noted, and survive a restart."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import pytest

from stream_anon.config import load_settings
from stream_anon.web.security.who import HOST, Role
from tests.web.room import Client, Room, web_settings

if TYPE_CHECKING:
    from pathlib import Path

    from stream_anon.config import Redaction

TRIANGLE = {"name": "till", "points": [[0, 0], [0.5, 0], [0.5, 0.5]]}


def change(client: Client, **redaction: Any) -> int:
    return client.patch("/api/v1/config", json={"redaction": redaction}).status_code


def test_a_change_holds_at_once_and_is_told_to_cameras(room: Room) -> None:
    told: list[Redaction] = []
    room.services.configuration.follow(told.append)
    answer = room.operator.patch(
        "/api/v1/config",
        json={"redaction": {"method": "fill", "zones": [TRIANGLE]}, "effort": "fast"},
    )
    assert answer.status_code == 200
    assert (answer.json()["redaction"]["method"], answer.json()["effort"]) == ("fill", "fast")
    assert room.viewer.get("/api/v1/config").json() == answer.json()
    assert room.services.configuration.settings.parsing.effort == "fast"
    assert [(redaction.method, redaction.zones[0].name) for redaction in told] == [("fill", "till")]
    assert answer.json()["redaction"]["scope"] == "face"  # what was left out stays


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"redaction": {"method": "nope"}}, "did you mean"),
        ({"redaction": {"scope": "knees"}}, "unknown label"),
        ({"redaction": {"cells": 9}}, "redaction.cells"),
        ({"redaction": {"mode": "debug"}}, "unknown setting redaction.mode"),
        ({"redaction": {"zones": [{**TRIANGLE, "points": [[0, 0]]}]}}, "corners"),
        ({"redaction": {"rules": {"plate": "fill"}}}, "no effect"),
        ({"redaction": {"replace_with": "/etc/passwd"}}, "names a file"),
        (
            {"redaction": {"rules": {"face": {"method": "avatar", "replace_with": "/etc/passwd"}}}},
            "names a file",
        ),
        ({"redaction": {"cells": "NaN"}}, "redaction.cells"),
        ({"mode": "debug"}, "mode"),
        ({"effort": "quick"}, "effort"),
        ([], "body"),
    ],
)
def test_what_makes_no_sense_changes_nothing(room: Room, body: Any, said: str) -> None:
    before = room.services.configuration.settings
    answer = room.operator.patch("/api/v1/config", json=body)
    assert answer.status_code == 422
    assert said in answer.json()["error"]
    assert room.services.configuration.settings is before
    assert room.audit() == []


def test_a_viewer_changes_nothing(room: Room) -> None:
    assert change(room.viewer, method="fill") == 403
    assert room.services.configuration.settings.redaction.method == "blur"


def test_changes_survive_a_restart_until_the_file_changes(tmp_path: Path) -> None:
    overrides = web_settings(tmp_path)
    with Room(load_settings(None, overrides)) as room:
        assert change(room.operator, method="fill", color="#ff0000") == 200
        for name in ("some viewer", "some operator"):
            room.services.auth.tokens.remove(name)
    with Room(load_settings(None, overrides)) as room:
        now = room.services.configuration.settings.redaction
        assert (now.method, now.color) == ("fill", "#ff0000")
        for name in ("some viewer", "some operator"):
            room.services.auth.tokens.remove(name)
    with Room(load_settings(None, {**overrides, "redaction.scope": "head"})) as room:
        now = room.services.configuration.settings.redaction
        assert (now.scope, now.method) == ("head", "blur")
        assert room.audit()[0] == "drop changed settings"


class TestTheSwitch:
    def test_production_always_anonymizes(self, room: Room) -> None:
        answer = room.operator.post("/config", json={"anonymization": False})
        assert answer.status_code == 403
        assert room.operator.get("/api/v1/config").json()["anonymization"] is True
        assert room.audit() == []
        assert room.operator.post("/config", json={"anonymization": True}).status_code == 200

    def test_debug_lets_an_operator_turn_it_off_and_notes_that(self, debug_room: Room) -> None:
        assert debug_room.viewer.post("/config", json={"anonymization": False}).status_code == 403
        answer = debug_room.operator.post("/config", json={"anonymization": False})
        assert answer.json() == {"anonymization": False}
        (entry,) = debug_room.services.audit_log.entries()
        assert (entry.who, entry.action) == ("some operator", "turn anonymization off")
        debug_room.operator.post("/config", json={"anonymization": True})
        assert debug_room.audit()[0] == "turn anonymization on"

    def test_it_is_on_again_after_a_restart(self, tmp_path: Path) -> None:
        settings = load_settings(None, web_settings(tmp_path, **{"live.mode": "debug"}))
        with Room(settings) as room:
            room.operator.post("/config", json={"anonymization": False})
            for role in Role:
                room.services.auth.tokens.remove(f"some {role.value}")
        with Room(settings) as room:
            assert room.operator.get("/api/v1/config").json()["anonymization"] is True

    @pytest.mark.parametrize("body", [{"anonymization": 0}, {"anonymization": "no"}, {}, {"a": 1}])
    def test_it_takes_nothing_but_yes_and_no(self, debug_room: Room, body: Any) -> None:
        assert debug_room.operator.post("/config", json=body).status_code == 422


def test_the_audit_log_can_be_read_in_pages_and_as_csv(room: Room) -> None:
    for number in range(5):
        room.services.audit_log.add(HOST, "try", f"=cmd{number}", {"n": number})
    newest = room.operator.get("/api/v1/audit-log", params={"most": 2}).json()
    assert [entry["details"]["n"] for entry in newest] == [4, 3]
    older = room.operator.get("/api/v1/audit-log", params={"before": newest[-1]["id"]}).json()
    assert [entry["details"]["n"] for entry in older] == [2, 1, 0]
    answer = room.operator.get("/api/v1/audit-log", params={"format": "csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 5
    assert rows[0]["subject"] == "'=cmd4"  # no formula for whoever opens it


def test_metrics_are_prometheus_text(room: Room) -> None:
    room.services.figures.count("photos_total", "Photos.", kind='a"b\n')
    answer = room.viewer.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert 'stream_anon_web_photos_total{kind="a\\"b\\n"} 1\n' in answer.text
