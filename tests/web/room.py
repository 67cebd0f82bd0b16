"""A control room in memory: the real application without a server, and clients of each role."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Self

import httpx

from stream_anon.web.app import create_app
from stream_anon.web.security.who import Role
from stream_anon.web.services import Services

if TYPE_CHECKING:
    from pathlib import Path

    from stream_anon.config import Settings

ORIGIN = "http://127.0.0.1"


class Client:
    """Sends requests to an application, one after the other, without a socket."""

    def __init__(self, room: Room, token: str | None = None) -> None:
        self._room = room
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        transport = httpx.ASGITransport(
            room.app, client=("127.0.0.1", 5000), raise_app_exceptions=False
        )
        self.http = httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers=headers)

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        return self._room.runner.run(self.http.request(method, path, **more))

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.request("GET", path, **more)

    def post(self, path: str, **more: Any) -> httpx.Response:
        return self.request("POST", path, **more)

    def patch(self, path: str, **more: Any) -> httpx.Response:
        return self.request("PATCH", path, **more)


class Room:
    """Services and the application over them, with a token for each role."""

    def __init__(self, settings: Settings) -> None:
        self.services = Services(settings)

    def __enter__(self) -> Self:
        self.services.open()
        self.runner = asyncio.Runner()
        self.app = create_app(self.services)
        tokens = self.services.auth.tokens
        self.tokens = {role: tokens.add(f"some {role.value}", role) for role in Role}
        self.nobody = Client(self)
        self.viewer = Client(self, self.tokens[Role.viewer])
        self.operator = Client(self, self.tokens[Role.operator])
        return self

    def browser(self, role: Role) -> Client:
        """A client that logged in with the form, and has the cookie."""
        client = Client(self)
        answer = client.post(
            "/login", data={"token": self.tokens[role]}, headers={"origin": ORIGIN}
        )
        assert answer.status_code == 200, answer.text
        return client

    def audit(self) -> list[str]:
        """What was done, the newest first."""
        return [entry.action for entry in self.services.audit_log.entries()]

    def __exit__(self, *_: object) -> None:
        self.services.close()
        self.runner.close()


def web_settings(folder: Path, **more: Any) -> dict[str, Any]:
    """Overrides for `load_settings`: a folder of the test's own."""
    return {"web.folder": str(folder / "room"), **more}
