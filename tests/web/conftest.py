"""A control room for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stream_anon.config import load_settings
from stream_anon.web.security import tokens
from tests.web.room import Room, web_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session", autouse=True)
def _cheap_hashes() -> Iterator[None]:
    """Scrypt as it is in use would take half of the time of these tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokens, "COST", 16)
        yield


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    """With the defaults."""
    with Room(load_settings(None, web_settings(tmp_path))) as room:
        yield room


@pytest.fixture
def debug_room(tmp_path: Path) -> Iterator[Room]:
    """In debug mode."""
    with Room(load_settings(None, web_settings(tmp_path, **{"live.mode": "debug"}))) as room:
        yield room
