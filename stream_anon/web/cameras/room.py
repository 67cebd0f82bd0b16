"""All cameras: what is kept of them, what runs, and who is told."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stream_anon.errors import ConfigError, StreamAnonError
from stream_anon.pipeline.rules import detectors_for
from stream_anon.web.cameras.changes import Changes
from stream_anon.web.cameras.detectors import DetectorService
from stream_anon.web.cameras.model import (
    Camera,
    check_name,
    check_source,
    is_id,
    new_id,
    settings_of,
)
from stream_anon.web.cameras.running import MODULE, Order, RunningCamera
from stream_anon.web.cameras.shown import shown
from stream_anon.web.cameras.tables import CameraTable
from stream_anon.web.errors import NotThere

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stream_anon.config import Redaction, Settings
    from stream_anon.web.cameras.slot import NewestPicture, Picture
    from stream_anon.web.store.store import Store

Dicts = list[dict[str, Any]]
MOST = 64
"""Cameras; more are a mistake."""


class CameraRoom:
    """The cameras of a control room. Any thread may call anything; ids that are unknown raise
    `NotThere`.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        *,
        detectors: DetectorService | None = None,
        module: str = MODULE,
    ) -> None:
        """Read what is kept; nothing runs until `open`.

        Args:
            settings: of the control room; cameras may have some of redaction of their own.
            store: where cameras are kept.
            detectors: the detector service, closed with this.
            module: of the process of a camera.
        """
        self._settings, self._module = settings, module
        self._store = store
        self._table = CameraTable(store)
        self._detectors = DetectorService() if detectors is None else detectors
        self._lock = threading.RLock()
        self._cameras = {camera.id: camera for camera in self._table.all()}
        self._running: dict[str, RunningCamera] = {}
        self.changes = Changes()
        """Told when the state of a camera changes."""
        self._is_closing = False

    def open(self) -> None:
        """Start the cameras that were on."""
        with self._lock:
            for camera in self._cameras.values():
                if camera.is_on:
                    self._begin(camera)

    # -- what there is ----------------------------------------------------------------------------

    def list(self) -> Dicts:
        """All cameras, as they are now; `source` is without credentials."""
        with self._lock:
            return [self._shown(camera) for camera in self._cameras.values()]

    def get(self, camera_id: str) -> dict[str, Any]:
        """One of them."""
        with self._lock:
            return self._shown(self._camera(camera_id))

    def newest(self, camera_id: str) -> Picture | None:
        """Its newest redacted picture; None where there is none of now."""
        slot = self.slot(camera_id)
        return None if slot is None else slot.newest()

    def wait_for(self, camera_id: str, after: int, timeout: float) -> Picture | None:
        """Its next picture after the one with that number; None where none comes in time."""
        slot = self.slot(camera_id)
        return None if slot is None else slot.wait_for(after, timeout)

    def slot(self, camera_id: str) -> NewestPicture | None:
        """Where its pictures come in; None while it is off."""
        with self._lock:
            self._camera(camera_id)
            running = self._running.get(camera_id)
            return None if running is None else running.newest

    def history(self, camera_id: str) -> Dicts:
        """Its figures of the last minutes."""
        with self._lock:
            self._camera(camera_id)
            running = self._running.get(camera_id)
            return [] if running is None else running.history.points()

    def pids(self) -> dict[str, int | None]:
        """Processes by camera, and that of the detectors as "detectors"."""
        with self._lock:
            found = {camera_id: running.pid for camera_id, running in self._running.items()}
            return {**found, "detectors": self._detectors.pid}

    # -- what is done to them ---------------------------------------------------------------------

    def add(
        self,
        name: str,
        source: str,
        settings: Mapping[str, Any] | None = None,
        note: Callable[[str], object] = lambda _: None,
    ) -> dict[str, Any]:
        """A new camera, which begins at once.

        Args:
            name: for display.
            source: an address or a webcam; kept with its credentials, and never shown.
            settings: of redaction, where they differ from those of the room.
            note: called with its id together with what is kept: writes the audit log.

        Raises:
            ConfigError: it makes no sense.
        """
        camera = Camera(
            new_id(), check_name(name), check_source(source, self._settings), dict(settings or {})
        )
        settings_of(camera.settings, self._settings)
        with self._lock:
            if len(self._cameras) >= MOST:
                raise ConfigError(f"there are {MOST} cameras already: remove one first")
            with self._store.changing():
                self._table.add(camera)
                note(camera.id)
            self._cameras[camera.id] = camera
            self._begin(camera)
            shown = self._shown(camera)
        self.changes.tell()
        return shown

    def update(
        self, camera_id: str, changes: Mapping[str, Any], note: Callable[[], object] = lambda: None
    ) -> dict[str, Any]:
        """Change `name`, `source` or `settings`; what is left out stays.

        Settings hold from the next frame on; a source, or what other detectors are needed for,
        begins the camera anew.

        Raises:
            ConfigError: they make no sense: nothing is changed then.
        """
        with self._lock:
            before = self._camera(camera_id)
            after = self._changed(before, changes)
            settings = settings_of(after.settings, self._settings)
            with self._store.changing():
                self._table.update(after)
                note()
            self._cameras[camera_id] = after
            running = self._running.get(camera_id)
            if running is not None:
                self._follow(running, before, after, settings, self._settings)
            shown = self._shown(after)
        self.changes.tell()
        return shown

    def remove(self, camera_id: str, note: Callable[[], object] = lambda: None) -> None:
        """End it and forget it; viewers are let go."""
        with self._lock:
            self._camera(camera_id)
            with self._store.changing():
                self._table.remove(camera_id)
                note()
            del self._cameras[camera_id]
            running = self._running.pop(camera_id, None)
        self._end(running)

    def start(self, camera_id: str, note: Callable[[], object] = lambda: None) -> None:
        """Turn it on."""
        with self._lock:
            camera = self._turned(camera_id, on=True, note=note)
            if camera_id not in self._running:
                self._begin(camera)
        self.changes.tell()

    def stop(self, camera_id: str, note: Callable[[], object] = lambda: None) -> None:
        """Turn it off; viewers are let go."""
        with self._lock:
            self._turned(camera_id, on=False, note=note)
            running = self._running.pop(camera_id, None)
        self._end(running)

    def restart(self, camera_id: str, note: Callable[[], object] = lambda: None) -> None:
        """Begin anew; viewers stay."""
        with self._lock:
            camera = self._turned(camera_id, on=True, note=note)
            running = self._running.get(camera_id)
            if running is None:
                self._begin(camera)
            else:
                running.renew(self._order(camera))
        self.changes.tell()

    def configure(self, redaction: Redaction) -> None:
        """Other settings of the room: they hold for cameras that have none of their own, at once.

        A camera for which they make no sense together with its own keeps what it has.
        """
        with self._lock:
            before = self._settings
            self._settings = before.model_copy(update={"redaction": redaction})
            for camera_id, running in self._running.items():
                camera = self._cameras[camera_id]
                with suppress(StreamAnonError):
                    settings = settings_of(camera.settings, self._settings)
                    self._follow(running, camera, camera, settings, before)
        self.changes.tell()

    # -- the end ----------------------------------------------------------------------------------

    def interrupt(self) -> None:
        """The server is about to end: viewers are let go, cameras begin to end."""
        with self._lock:
            self._is_closing = True
            running = list(self._running.values())
        for one in running:
            one.ask_to_end()
        self.changes.tell()

    def close(self) -> None:
        """End all of it. Called once, by the owner."""
        self.interrupt()
        with self._lock:
            running, self._running = list(self._running.values()), {}
        for one in running:
            one.close()
        self._detectors.close()

    # -- one of them ------------------------------------------------------------------------------

    def _camera(self, camera_id: str) -> Camera:
        camera = self._cameras.get(camera_id) if is_id(camera_id) else None
        if camera is None:
            raise NotThere("there is no such camera")
        return camera

    def _begin(self, camera: Camera) -> None:
        if self._is_closing:
            return
        running = RunningCamera(
            self._order(camera), self._detectors, self.changes.tell, self._module
        )
        self._running[camera.id] = running
        running.start()

    def _order(self, camera: Camera) -> Order:
        try:
            settings = settings_of(camera.settings, self._settings)
        except StreamAnonError:  # what it has was kept by another version, say
            settings = self._settings
        return Order(camera.name, camera.source, settings)

    def _changed(self, camera: Camera, changes: Mapping[str, Any]) -> Camera:
        values: dict[str, Any] = {}
        if "name" in changes:
            values["name"] = check_name(changes["name"])
        if "source" in changes:
            values["source"] = check_source(changes["source"], self._settings)
        if "settings" in changes:
            merged = {**camera.settings, **changes["settings"]}
            values["settings"] = {name: v for name, v in merged.items() if v is not None}
        return replace(camera, **values)

    def _follow(
        self,
        running: RunningCamera,
        before: Camera,
        after: Camera,
        settings: Settings,
        room_before: Settings,
    ) -> None:
        """Let what runs follow what is kept."""
        try:
            old = settings_of(before.settings, room_before)
        except StreamAnonError:
            old = None
        moved = before.source != after.source
        if moved or old is None or detectors_for(old) != detectors_for(settings):
            running.renew(Order(after.name, after.source, settings))
        else:
            running.redact(settings)

    def _turned(self, camera_id: str, *, on: bool, note: Callable[[], object]) -> Camera:
        camera = replace(self._camera(camera_id), is_on=on)
        with self._store.changing():
            self._table.update(camera)
            note()
        self._cameras[camera_id] = camera
        return camera

    def _end(self, running: RunningCamera | None) -> None:
        if running is not None:
            running.close()
        self.changes.tell()

    def _shown(self, camera: Camera) -> dict[str, Any]:
        settings = self._order(camera).settings
        return shown(camera, self._running.get(camera.id), settings)
