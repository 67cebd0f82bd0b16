"""The parent's side: photos take turns, and a process that is too slow or breaks is replaced."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from stream_anon import errors
from stream_anon.errors import ParserError, StreamAnonError
from stream_anon.processes.child import START_LIMIT, Child, ChildGone
from stream_anon.processes.wire import Message
from stream_anon.web.errors import Refused

if TYPE_CHECKING:
    from stream_anon.config import Settings

MODULE = "stream_anon.web.photos.child"
MOST_WAITING = 8
"""Photos in memory at once; further ones are refused."""
LARGEST_ANSWER = 1 << 29
"""Bytes."""


KEPT_MEMORY = 3 << 29
"""Bytes that the process may keep from one photo to the next; networks for large ones take more."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A picture that may be given away."""

    data: bytes
    media_type: str
    parts: list[dict[str, Any]]
    hidden_whole: bool


class PhotoRoom:
    """One process for all photos. Any thread may call anything."""

    def __init__(self, *, most_pixels: int, timeout: float) -> None:
        """Be ready; the process starts with the first photo.

        Args:
            most_pixels: of a photo.
            timeout: seconds that one may take, once its turn has come.
        """
        self._most_pixels = most_pixels
        self._timeout = timeout
        self._turn = threading.Lock()
        self._room = threading.BoundedSemaphore(MOST_WAITING)
        self._child: Child | None = None
        self._closed = False
        self.kept_memory = KEPT_MEMORY

    def place(self) -> Place:
        """A place for one photo, to be taken before it is read.

        Raises:
            Refused: all are taken.
        """
        if not self._room.acquire(blocking=False):
            raise Refused(503, "too many photos at once: try again", {"retry-after": "1"})
        return Place(self._room)

    def start(self) -> None:
        """Start the process now, not with the first photo."""
        with self._turn:
            self._started()

    def redact(self, settings: Settings, data: bytes, view: str) -> Answer:
        """Redact one photo; waits for its turn.

        Args:
            settings: for it.
            data: the file.
            view: a value of `pipeline.picture_views.View`.

        Raises:
            Refused: it took too long or the process broke: nothing is returned.
            StreamAnonError: it could not be redacted.
        """
        order = {
            "settings": settings.model_dump(mode="json"),
            "view": view,
            "most_pixels": self._most_pixels,
        }
        picture = np.frombuffer(data, np.uint8).reshape(1, -1)
        with self._turn:
            child, new = self._started()
            limit = self._timeout + (START_LIMIT if new else 0.0)
            try:
                child.send(Message("photo", order, (picture,)), limit)
                message = child.receive(limit)
            except ChildGone as error:
                self._end_child()
                raise self._gone(error) from error
            if message.fields.get("memory", 0) > self.kept_memory:
                self._end_child()  # the next photo waits for a new one
        if message.kind == "failed":
            raise _error(message.fields)
        (answer,) = message.planes
        fields = message.fields
        return Answer(answer.tobytes(), fields["type"], fields["parts"], fields["hidden_whole"])

    def _started(self) -> tuple[Child, bool]:
        if self._closed:
            raise Refused(503, "the server is about to end")
        if self._child is not None:
            return self._child, False
        self._child = Child(MODULE)
        self._child.most_received = LARGEST_ANSWER
        return self._child, True

    def _gone(self, error: ChildGone) -> Refused:
        if self._closed:
            return Refused(503, "the server is about to end")
        return Refused(422, f"the photo could not be redacted ({error}): nothing is returned")

    def _end_child(self) -> None:
        if self._child is not None:
            self._child.close()
            self._child = None

    def interrupt(self) -> None:
        """End the photo that is under way, and take no more."""
        self._closed = True
        child = self._child
        if child is not None:
            child.kill()

    def close(self) -> None:
        """End the process. Called once, by the owner."""
        self.interrupt()
        with self._turn:
            self._end_child()


class Place:
    """What `PhotoRoom.place` gives; given back at the end of the block."""

    def __init__(self, room: threading.BoundedSemaphore) -> None:
        self._room = room

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        self._room.release()


def _error(fields: dict[str, Any]) -> StreamAnonError:
    kind = getattr(errors, str(fields.get("kind")), ParserError)
    is_ours = isinstance(kind, type) and issubclass(kind, StreamAnonError)
    found: StreamAnonError = (kind if is_ours else ParserError)(str(fields.get("said")))
    return found
