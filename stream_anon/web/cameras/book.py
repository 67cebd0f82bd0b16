"""The cameras that are kept, and the settings that each is to run with."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stream_anon.errors import ConfigError, StreamAnonError
from stream_anon.web.cameras.model import (
    Camera,
    check_name,
    check_source,
    is_id,
    new_id,
    settings_of,
)
from stream_anon.web.cameras.tables import CameraTable
from stream_anon.web.errors import NotThere

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from stream_anon.config import Settings
    from stream_anon.web.store.store import Store

MOST = 64
"""Cameras; more are a mistake."""


class CameraBook:
    """In memory and in the database, which are the same. Used under its owner's lock.

    Each change takes a `note`, called together with what is written: where that fails, nothing has
    changed. Ids that are unknown raise `NotThere`.
    """

    def __init__(self, settings: Settings, store: Store) -> None:
        """Args: settings: of the control room; store: where cameras are kept."""
        self.settings = settings
        self._store, self._table = store, CameraTable(store)
        self._cameras = {camera.id: camera for camera in self._table.all()}
        self._known: dict[str, tuple[Camera, Settings, Settings]] = {}
        """By camera: what its settings were made of, and they."""

    def __iter__(self) -> Iterator[Camera]:
        return iter(list(self._cameras.values()))

    def get(self, camera_id: str) -> Camera:
        """One of them."""
        camera = self._cameras.get(camera_id) if is_id(camera_id) else None
        if camera is None:
            raise NotThere("there is no such camera")
        return camera

    def settings_of(self, camera: Camera) -> Settings:
        """What it is to run with.

        Where its own do not go with the room's any more, it keeps what it had; where that is not
        known, all is hidden that detectors see.
        """
        known = self._known.get(camera.id)
        if known is not None and known[0] is camera and known[1] is self.settings:
            return known[2]
        try:
            settings = settings_of(camera.settings, self.settings)
        except StreamAnonError:
            if known is not None and known[0] is camera:
                settings = known[2]
            else:
                settings = settings_of({"scope": "everything", "rules": {}}, self.settings)
        self._known[camera.id] = camera, self.settings, settings
        return settings

    def add(
        self, name: str, source: str, own: Mapping[str, Any], note: Callable[[str], object]
    ) -> Camera:
        """A new one.

        Raises:
            ConfigError: it makes no sense, or there are too many.
        """
        source = check_source(source, self.settings)
        camera = Camera(new_id(), check_name(name), source, dict(own))
        settings_of(camera.settings, self.settings)
        if len(self._cameras) >= MOST:
            raise ConfigError(f"there are {MOST} cameras already: remove one first")
        with self._store.changing():
            self._table.add(camera)
            note(camera.id)
        self._cameras[camera.id] = camera
        return camera

    def change(
        self, camera_id: str, changes: Mapping[str, Any], note: Callable[[], object]
    ) -> Camera:
        """Change `name`, `source` or `settings`, of which None takes one back.

        Raises:
            ConfigError: it makes no sense.
        """
        camera, values = self.get(camera_id), dict[str, Any]()
        if "name" in changes:
            values["name"] = check_name(changes["name"])
        if "source" in changes:
            values["source"] = check_source(changes["source"], self.settings)
        if "settings" in changes:
            merged = {**camera.settings, **changes["settings"]}
            values["settings"] = {name: v for name, v in merged.items() if v is not None}
        changed = replace(camera, **values)
        settings_of(changed.settings, self.settings)
        return self._keep(changed, note)

    def turn(self, camera_id: str, note: Callable[[], object], *, on: bool) -> Camera:
        """Whether it is to run."""
        return self._keep(replace(self.get(camera_id), is_on=on), note)

    def remove(self, camera_id: str, note: Callable[[], object]) -> None:
        """Forget it."""
        self.get(camera_id)
        with self._store.changing():
            self._table.remove(camera_id)
            note()
        del self._cameras[camera_id]
        self._known.pop(camera_id, None)

    def _keep(self, camera: Camera, note: Callable[[], object]) -> Camera:
        with self._store.changing():
            self._table.update(camera)
            note()
        self._cameras[camera.id] = camera
        return camera
