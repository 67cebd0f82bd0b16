"""Cameras in the database."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from stream_anon.web.cameras.model import Camera

if TYPE_CHECKING:
    from stream_anon.web.store.store import Store


class CameraTable:
    """The cameras that there are, in the order in which they came. Any thread may call anything."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self) -> list[Camera]:
        return [
            Camera(
                row["id"], row["name"], row["source"], json.loads(row["settings"]), bool(row["on_"])
            )
            for row in self._store.rows("SELECT * FROM cameras ORDER BY number")
        ]

    def add(self, camera: Camera) -> None:
        self._store.change(
            "INSERT INTO cameras (id, name, source, settings, on_) VALUES (?, ?, ?, ?, ?)",
            (camera.id, camera.name, camera.source, json.dumps(camera.settings), camera.is_on),
        )

    def update(self, camera: Camera) -> None:
        self._store.change(
            "UPDATE cameras SET name = ?, source = ?, settings = ?, on_ = ? WHERE id = ?",
            (camera.name, camera.source, json.dumps(camera.settings), camera.is_on, camera.id),
        )

    def remove(self, camera_id: str) -> None:
        self._store.change("DELETE FROM cameras WHERE id = ?", (camera_id,))
