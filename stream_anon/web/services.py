"""All that the routes use, opened and closed in order; each part has one owner, this."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from stream_anon.web.cameras.figures import camera_figures
from stream_anon.web.cameras.room import CameraRoom
from stream_anon.web.closing import Closing
from stream_anon.web.configuration import Configuration
from stream_anon.web.figures import Figure, Figures
from stream_anon.web.jobs.room import JobRoom
from stream_anon.web.listening import check_listening, names_of
from stream_anon.web.photos.room import PhotoRoom
from stream_anon.web.review.room import ReviewRoom
from stream_anon.web.security.auth import Auth
from stream_anon.web.store.audit_log import AuditLog
from stream_anon.web.store.folder import private_folder
from stream_anon.web.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stream_anon.config import Settings, Web


class Services:
    """Settings, database, people, and the rooms where work is done."""

    folder: Path
    """Of this server's user alone; each room has a folder of its own in it."""
    store: Store
    auth: Auth
    audit_log: AuditLog
    configuration: Configuration
    """The settings in force: `settings` is what the server began with."""
    photos: PhotoRoom
    cameras: CameraRoom
    jobs: JobRoom
    reviews: ReviewRoom

    def __init__(self, settings: Settings) -> None:
        """Check what it is to do.

        Args:
            settings: of the server; those of redaction are what it begins with.

        Raises:
            ConfigError: they contradict each other, or would be unsafe.
        """
        check_listening(settings.web)
        self.settings = settings
        self.closing = Closing()
        """Set when the server is about to end; streams end with it."""
        self.figures = Figures()
        self._stack = ExitStack()

    @property
    def web(self) -> Web:
        return self.settings.web

    @property
    def is_secure(self) -> bool:
        """Whether browsers come by TLS."""
        return bool(self.web.tls_cert) or self.web.behind_proxy

    @property
    def hosts(self) -> frozenset[str]:
        """Names that requests may be for."""
        return names_of(self.web)

    def open(self) -> Self:
        """Open all of it; nothing stays open where a part cannot be.

        Raises:
            StreamAnonError: a part cannot be opened.
        """
        with ExitStack() as stack:
            self.folder = private_folder(self.web.folder)
            self.store = Store(self.folder)
            stack.callback(self.store.close)
            self.audit_log = AuditLog(self.store)
            self.auth = Auth(
                self.store,
                hours=self.web.session_hours,
                secure=self.is_secure,
                anonymous=self.web.anonymous,
            )
            self.figures.add_source(self._figures)
            self.configuration = Configuration(self.settings, self.store, self.audit_log)
            self._open_rooms(stack)
            self._stack = stack.pop_all()
        return self

    def _open_rooms(self, stack: ExitStack) -> None:
        """The rooms, each with its `close` on the stack: they close before the database does."""
        self.photos = PhotoRoom(
            most_pixels=self.web.photo_max_megapixels * 10**6, timeout=self.web.photo_timeout
        )
        stack.callback(self.photos.close)
        self.cameras = CameraRoom(
            self.configuration.settings, self.store, is_known=self.auth.still_knows
        )
        stack.callback(self.cameras.close)
        self.cameras.open()
        self.configuration.follow(self.cameras.configure)
        self.figures.add_source(lambda: camera_figures(self.cameras))
        self.jobs = JobRoom(self.folder, self.store, lambda: self.configuration.settings)
        stack.callback(self.jobs.close)
        self.reviews = ReviewRoom(self.jobs, self.store)
        stack.callback(self.reviews.close)

    def _figures(self) -> Iterator[Figure]:
        yield Figure("failed_logins_total", "Logins that failed.", self.auth.failures)
        yield Figure("jobs_under_way", "Jobs that wait or run.", self.jobs.table.under_way())

    def interrupt(self) -> None:
        """The server is about to end: requests that wait for a room are to get their answer now."""
        self.closing.set()
        self.photos.interrupt()
        self.reviews.interrupt()
        if hasattr(self, "cameras"):
            self.cameras.interrupt()

    def close(self) -> None:
        """End what is under way, and free all of it. Called once, by the owner."""
        self.interrupt()
        self._stack.close()

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(self, *_: object) -> None:
        self.close()
