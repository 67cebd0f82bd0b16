"""All cameras: what is kept of them, what runs, and who is told."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from stream_anon.pipeline.rules import detectors_for
from stream_anon.web.cameras.book import CameraBook
from stream_anon.web.cameras.changes import Changes
from stream_anon.web.cameras.detectors import DetectorService
from stream_anon.web.cameras.raw_view import RawView
from stream_anon.web.cameras.running import MODULE, Order, RunningCamera
from stream_anon.web.cameras.shown import shown
from stream_anon.web.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stream_anon.config import Redaction, Settings
    from stream_anon.web.cameras.model import Camera
    from stream_anon.web.cameras.slot import NewestPicture, Picture
    from stream_anon.web.security.who import Who
    from stream_anon.web.store.store import Store

Dicts = list[dict[str, Any]]
Note = Callable[[], object]


def _nothing(*_: object) -> None:
    return


class CameraRoom:
    """The cameras of a control room. Any thread may call anything; ids that are unknown raise
    `NotThere`.

    What changes something takes a `note`, which writes the audit log together with what is kept:
    where that fails, nothing happens.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        *,
        detectors: DetectorService | None = None,
        module: str = MODULE,
        is_known: Callable[[Who], bool] = lambda _: False,
    ) -> None:
        """Read what is kept; nothing runs until `open`.

        Args:
            settings: of the control room; cameras may have some of redaction of their own.
            store: where cameras are kept.
            detectors: the detector service, closed with this.
            module: of the process of a camera.
            is_known: whether somebody is still logged in; raw pictures end where they are not.
        """
        self._book = CameraBook(settings, store)
        self._module, self._is_known = module, is_known
        self._is_debug = settings.live.mode == "debug"
        self._detectors = DetectorService() if detectors is None else detectors
        self._lock = threading.RLock()
        self._running: dict[str, RunningCamera] = {}
        self._is_closing = False
        self.changes = Changes()
        """Told when the state of a camera changes."""

    def open(self) -> None:
        """Start the cameras that were on."""
        with self._lock:
            for camera in self._book:
                if camera.is_on:
                    self._begin(camera)

    # -- what there is ----------------------------------------------------------------------------

    def list(self) -> Dicts:
        """All cameras, as they are now; `source` is without credentials."""
        with self._lock:
            return [self._shown(camera) for camera in self._book]

    def get(self, camera_id: str) -> dict[str, Any]:
        """One of them."""
        with self._lock:
            return self._shown(self._book.get(camera_id))

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
            self._book.get(camera_id)
            running = self._running.get(camera_id)
            return None if running is None else running.newest

    def raw_slot(self, camera_id: str, who: Who) -> NewestPicture | None:
        """Where raw pictures come in for the operator who asked for them; None for all others."""
        with self._lock:
            self._book.get(camera_id)
            running = self._running.get(camera_id)
            view = None if running is None else running.raw
            return view.slot if view is not None and view.is_for(who) else None

    def history(self, camera_id: str) -> Dicts:
        """Its figures of the last minutes."""
        with self._lock:
            self._book.get(camera_id)
            running = self._running.get(camera_id)
            return [] if running is None else running.history.points()

    def pids(self) -> dict[str, int | None]:
        """Processes by camera, and that of the detectors as "detectors"."""
        with self._lock:
            found = {camera_id: running.pid for camera_id, running in self._running.items()}
            return {**found, "detectors": self._detectors.pid}

    @property
    def detector_starts(self) -> int:
        """How often the detector service was started."""
        return self._detectors.starts

    # -- what is done to them -----------------------------------------------------------------

    def add(
        self,
        name: str,
        source: str,
        settings: Mapping[str, Any] | None = None,
        note: Callable[[str], object] = _nothing,
    ) -> dict[str, Any]:
        """A new camera, which begins at once.

        Args:
            name: for display.
            source: an address or a webcam; kept with its credentials, and never shown.
            settings: of redaction, where they differ from those of the room.
            note: called with its id.

        Raises:
            ConfigError: it makes no sense.
        """
        with self._lock:
            camera = self._book.add(name, source, settings or {}, note)
            self._begin(camera)
            made = self._shown(camera)
        self.changes.tell()
        return made

    def update(
        self, camera_id: str, changes: Mapping[str, Any], note: Note = _nothing
    ) -> dict[str, Any]:
        """Change `name`, `source` or `settings`; what is left out stays.

        Settings hold from the next frame on; a source, or what other detectors are needed for,
        begins the camera anew.

        Raises:
            ConfigError: they make no sense: nothing is changed then.
        """
        with self._lock:
            camera = self._book.change(camera_id, changes, note)
            self._follow(camera)
            made = self._shown(camera)
        self.changes.tell()
        return made

    def remove(self, camera_id: str, note: Note = _nothing) -> None:
        """End it and forget it; viewers are let go."""
        with self._lock:
            self._book.remove(camera_id, note)
            running = self._running.pop(camera_id, None)
        self._end(running)

    def start(self, camera_id: str, note: Note = _nothing) -> None:
        """Turn it on."""
        with self._lock:
            camera = self._book.turn(camera_id, note, on=True)
            if camera_id not in self._running:
                self._begin(camera)
        self.changes.tell()

    def stop(self, camera_id: str, note: Note = _nothing) -> None:
        """Turn it off; viewers are let go."""
        with self._lock:
            self._book.turn(camera_id, note, on=False)
            running = self._running.pop(camera_id, None)
        self._end(running)

    def restart(self, camera_id: str, note: Note = _nothing) -> None:
        """Begin anew; viewers stay."""
        with self._lock:
            camera = self._book.turn(camera_id, note, on=True)
            running = self._running.get(camera_id)
            if running is None:
                self._begin(camera)
            else:
                running.renew(self._order(camera))
        self.changes.tell()

    def anonymize(
        self, camera_id: str, who: Who, *, on: bool, note: Callable[[str], object]
    ) -> None:
        """Show raw pictures to one operator for some minutes, in debug mode, or to nobody again.

        Args:
            camera_id: which.
            who: the operator, who alone gets them.
            on: anonymize.
            note: called when that begins, and with why it ended: writes the audit log.

        Raises:
            Refused: not in debug mode, not by an operator, or the camera is off.
        """
        with self._lock:
            self._book.get(camera_id)
            running = self._running.get(camera_id)
        if on:
            if running is not None:
                running.hide_raw("it was turned on again")
            return
        if not self._is_debug:
            raise Refused(403, "production mode always anonymizes: start with --mode debug")
        if not who.is_operator or not self._is_known(who):
            raise Refused(403, "raw pictures are for operators who are logged in")
        if running is None:
            raise Refused(409, "the camera is off: start it first")
        note("")
        running.show_raw(RawView(who, self._is_known, note))

    def configure(self, redaction: Redaction) -> None:
        """Other settings of the room: they hold at once for cameras that have none of their own."""
        with self._lock:
            self._book.settings = self._book.settings.model_copy(update={"redaction": redaction})
            for camera_id in self._running:
                self._follow(self._book.get(camera_id))
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

    # -- one of them --------------------------------------------------------------------------

    def _begin(self, camera: Camera) -> None:
        if not self._is_closing:
            running = RunningCamera(
                self._order(camera), self._detectors, self.changes.tell, self._module
            )
            self._running[camera.id] = running
            running.start()

    def _order(self, camera: Camera) -> Order:
        return Order(camera.name, camera.source, self._book.settings_of(camera))

    def _follow(self, camera: Camera) -> None:
        """Let what runs follow what is kept."""
        running = self._running.get(camera.id)
        if running is None:
            return
        before, after = running.order, self._order(camera)
        if before.source != after.source or _differ(before.settings, after.settings):
            running.renew(after)
        else:
            running.redact(after)

    def _end(self, running: RunningCamera | None) -> None:
        if running is not None:
            running.close()
        self.changes.tell()

    def _shown(self, camera: Camera) -> dict[str, Any]:
        settings = self._book.settings_of(camera)
        return shown(camera, self._running.get(camera.id), settings)


def _differ(one: Settings, other: Settings) -> bool:
    """Whether they need different detectors."""
    return detectors_for(one) != detectors_for(other)
