"""No route is there that nobody reviewed, and each asks for the role that the list says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.routing import APIRoute

from stream_anon.web.security.roles import operator, viewer
from tests.web.reviewed import MOUNTS, ROUTES

if TYPE_CHECKING:
    from tests.web.room import Room


def asked(dependant: Any) -> str:
    """The highest role among what a route depends on."""
    calls = {dependant.call, *(d.call for d in _all_of(dependant))}
    return "operator" if operator in calls else "viewer" if viewer in calls else "nobody"


def _all_of(dependant: Any) -> list[Any]:
    below = dependant.dependencies
    return [*below, *(deep for one in below for deep in _all_of(one))]


def test_every_route_is_reviewed(room: Room) -> None:
    found, mounts = {}, set()
    for route in room.app.routes:
        if isinstance(route, APIRoute):
            for method in route.methods or ():
                found[f"{method} {route.path}"] = asked(route.dependant)
        else:
            mounts.add(getattr(route, "path", repr(route)))
    assert found == ROUTES
    assert mounts == MOUNTS


@pytest.mark.parametrize("row", [row for row, role in ROUTES.items() if role != "nobody"])
def test_nobody_gets_in_without_a_login(room: Room, row: str) -> None:
    method, path = row.split()
    answer = room.nobody.request(method, re.sub(r"{.*?}", "1", path))
    assert answer.status_code == 401
    assert set(answer.json()) == {"error"}


@pytest.mark.parametrize("row", [row for row, role in ROUTES.items() if role == "operator"])
def test_a_viewer_does_no_work_of_operators(room: Room, row: str) -> None:
    method, path = row.split()
    answer = room.viewer.request(method, re.sub(r"{.*?}", "1", path))
    assert answer.status_code == 403
