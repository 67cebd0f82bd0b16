"""The parent's side of a review's process: one question at a time, and an end when nobody asks."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Any

from stream_anon.core.review_frame import _REVIEWER_KEY, ReviewFrame
from stream_anon.errors import ConfigError, SourceError
from stream_anon.processes.child import Child, ChildGone
from stream_anon.processes.wire import Message
from stream_anon.web.review.packing import packed, unpacked

if TYPE_CHECKING:
    from stream_anon.core.frame import Plane
    from stream_anon.web.jobs.files import JobFiles
    from stream_anon.web.jobs.job import JobRow
    from stream_anon.web.jobs.limits import Limits

MODULE = "stream_anon.web.review.child"
OPEN, ANSWER = 120.0, 60.0
"""Seconds that it has to open a recording with its masks, and to answer."""
MOST = 1 << 26
"""Bytes of a picture."""
UNUSED = 300.0
"""Seconds after which nobody is at the desk any more."""


class Desk:
    """One recording under review. Any thread may ask; questions take turns."""

    def __init__(self, job: JobRow, files: JobFiles, limits: Limits) -> None:
        """Start nothing yet."""
        self._fields = {
            "folder": str(files.folder),
            "settings": job.settings,
            "limits": limits.to_json(),
        }
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._used = monotonic()
        self._in_force: list[Any] = []

    @property
    def is_unused(self) -> bool:
        return monotonic() - self._used > UNUSED and not self._lock.locked()

    def raw(self, index: int, operator: str) -> ReviewFrame:
        """A raw frame, with the operator's name in it.

        Raises:
            StreamAnonError: there is no such frame, or it cannot be had.
        """
        answer = self._ask("raw", index=index, operator=operator)
        return _received(answer, index, operator)

    def thumb(self, track: int, operator: str) -> ReviewFrame:
        """Somebody as they are seen best, raw.

        Raises:
            StreamAnonError: there is no picture of them.
        """
        return _received(self._ask("thumb", track=track, operator=operator), 0, operator)

    def redacted(self, index: int, edits: list[Any]) -> bytes:
        """A frame as it will be, a JPEG.

        Raises:
            StreamAnonError: there is no such frame, or it cannot be had.
        """
        return _bytes(self._ask("redacted", edits, index=index))

    def boxes(self, first: int, last: int, edits: list[Any]) -> dict[str, Any]:
        """What is hidden, by frame.

        Raises:
            StreamAnonError: it cannot be had.
        """
        return dict(_json(self._ask("boxes", edits, first=first, last=last)))

    def checked(self, edits: Any) -> list[Any]:
        """Edits as they are kept.

        Raises:
            ConfigError: they make no sense.
        """
        return list(_json(self._ask("check", planes=(packed(edits),))))

    def _ask(
        self,
        kind: str,
        in_force: list[Any] | None = None,
        planes: tuple[Plane, ...] = (),
        **fields: Any,
    ) -> Message:
        with self._lock:
            self._used = monotonic()
            try:
                child = self._child or self._opened()
                if in_force is not None and in_force != self._in_force:
                    self._answer(child, Message("use", planes=(packed(in_force),)))
                    self._in_force = in_force
                return self._answer(child, Message(kind, fields, planes))
            except ChildGone as gone:
                self._end()
                raise SourceError(f"the recording cannot be shown: {gone}") from gone
            finally:
                self._used = monotonic()

    def _opened(self) -> Child:
        self._child = child = Child(MODULE)
        child.most_received = MOST
        self._in_force = []
        child.send(Message("open", self._fields), ANSWER)
        opened = child.receive(OPEN)
        if opened.kind != "open":
            self._end()
            raise SourceError(str(opened.fields.get("error", "it cannot be opened")))
        return child

    def _answer(self, child: Child, question: Message) -> Message:
        child.send(question, ANSWER)
        answer = child.receive(ANSWER)
        if answer.kind == "error":
            raise ConfigError(str(answer.fields["error"]))
        return answer

    def _end(self) -> None:
        if self._child is not None:
            self._child.close()
            self._child = None

    def interrupt(self) -> None:
        """End its process at once, also while it works."""
        child = self._child
        if child is not None:
            child.kill()

    def close(self) -> None:
        """End its process, and free it. It opens again with the next question."""
        self.interrupt()
        with self._lock:
            self._end()


def _bytes(answer: Message) -> bytes:
    if answer.kind != "picture" or len(answer.planes) != 1:
        raise SourceError("the recording cannot be shown")
    return answer.planes[0].tobytes()


def _json(answer: Message) -> Any:
    try:
        return unpacked(answer.planes)
    except ValueError as error:
        raise SourceError("the recording cannot be shown") from error


def _received(answer: Message, index: int, operator: str) -> ReviewFrame:
    """What the reviewer has made in its process, here."""
    return ReviewFrame(
        _REVIEWER_KEY, jpeg=_bytes(answer), index=index, operator=operator, at=datetime.now(UTC)
    )
