"""One capture process, from its start to its loss."""

from __future__ import annotations

import math
from dataclasses import astuple, replace
from time import monotonic
from typing import TYPE_CHECKING, Any

from stream_anon.core.frame import StreamInfo, plane_shapes
from stream_anon.core.live_sound import MOST_BYTES
from stream_anon.core.stream_log import stream_logger
from stream_anon.processes.child import START_LIMIT, Child, ChildGone
from stream_anon.processes.wire import Message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stream_anon.config import Live
    from stream_anon.sources.live.address import SourceAddress

log = stream_logger(__name__)

MODULE = "stream_anon.sources.live.capture"
MOST_PIXELS = 1 << 28
"""In a picture: what is announced to be larger is nonsense."""
MALFORMED = (KeyError, TypeError, ValueError, ArithmeticError)
"""Exceptions from fields that are missing or of the wrong type."""
TOLD_AFTER = 5.0
"""Seconds of waiting for a keyframe after which the user is told."""
INVALID_DATA = "the capture process sent invalid data"


class ConnectionLost(Exception):
    """The source cannot be opened, or is gone. Internal: it is reopened."""

    def __init__(self, reason: str, *, permanent: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.permanent = permanent
        """Retrying cannot succeed."""


class Connection:
    """A capture process. It starts at once, and opens the source when it is told to.

    `kill` may be called from any thread, the rest from one.
    """

    def __init__(self, address: SourceAddress, settings: Live) -> None:
        self._address, self._settings = address, settings
        self._child = Child(MODULE)
        self.answered_in = 0.0
        """Seconds that the source took to answer."""
        self._silent = 0.0
        """Seconds of waiting since the last intact picture."""
        self._shapes: tuple[tuple[int, int], ...] = ()
        """Rows and columns of the planes of each picture, as announced."""
        self._has_sound = False

    @property
    def pid(self) -> int:
        return self._child.pid

    def open(self, wanted: StreamInfo | None, patience: float = math.inf) -> StreamInfo:
        """Open the source, and wait for its first whole picture.

        Args:
            wanted: what pictures are to be like; None takes them as they are.
            patience: seconds for the first answer, where it is known how long that takes, and
                between two messages after it.

        Returns:
            What it announces. Pictures that are larger are not even received.

        Raises:
            ConnectionLost: it cannot be opened, or not in time.
        """
        address, settings = self._address, self._settings
        limit = settings.open_timeout
        order = {
            "opens": address.opens,
            "ends": address.ends,
            "label": address.label,
            "url": address.url,
            "format": address.format,
            "options": address.options,
            "audio": settings.audio,
            "open_timeout": limit,
            "keyframe_timeout": settings.keyframe_timeout,
            "watchdog": settings.watchdog,
            "size": (wanted.width, wanted.height) if wanted else None,
            "color": astuple(wanted.color) if wanted else None,
        }
        self._expect("ready", START_LIMIT, "the capture process did not start")
        self._send(Message("open", order))
        self.answered_in = 0.0
        answer = min(limit, patience)
        begun = monotonic()
        self._expect("found", answer, f"it did not answer within {answer:.2g} s")
        self.answered_in = monotonic() - begun
        fields = self._await_picture(answer)
        try:
            info = replace(StreamInfo.from_fields(fields), label=address.label)
        except MALFORMED as error:
            raise ConnectionLost(INVALID_DATA) from error
        if not 0 < info.width * info.height <= MOST_PIXELS or min(info.width, info.height) < 1:
            raise ConnectionLost(INVALID_DATA)
        if wanted and (info.width, info.height) != (wanted.width, wanted.height):
            raise ConnectionLost(INVALID_DATA)
        self._shapes = plane_shapes(info.width, info.height)
        self._has_sound = info.sound
        self._child.most_received = sum(rows * columns for rows, columns in self._shapes)
        self._child.most_received += MOST_BYTES if info.sound else 0
        return info

    def _await_picture(self, patience: float) -> dict[str, Any]:
        """Wait for a keyframe: for minutes while packets come, up to `patience` in silence."""
        limit = self._settings.keyframe_timeout
        begun, is_told = monotonic(), False
        while (left := begun + limit - monotonic()) > 0:
            if not is_told and monotonic() - begun > TOLD_AFTER:
                is_told = True
                log.warning("%s: waiting for a keyframe to begin with", self._address.label)
            if left < patience:
                message = self._receive(left, f"no complete picture came within {limit:g} s")
            else:
                silence = f"nothing came for {patience:.2g} s before the first complete picture"
                message = self._receive(patience, silence)
            if message.kind == "opened":
                return message.fields
            if message.kind != "reading":
                raise ConnectionLost(INVALID_DATA)
        raise ConnectionLost(f"no complete picture came within {limit:g} s")

    def begin(self) -> None:
        """Ask for the pictures.

        Raises:
            ConnectionLost: the process has gone.
        """
        self._silent = 0.0
        self._send(Message("begin"))

    def frames(self) -> Iterator[Message]:
        """One message for each picture; ends with a file's last word.

        Raises:
            ConnectionLost: the source has gone, or no intact picture came for too long.
        """
        limit = self._settings.watchdog
        silence = f"no intact picture for {limit:g} s"
        while True:
            if self._silent >= limit:
                raise ConnectionLost(silence)
            message = self._receive(limit - self._silent, silence)
            if message.kind == "frame":
                self._check(message)
                if not message.fields["corrupt"]:
                    self._silent = 0.0
            elif message.kind != "ended":
                raise ConnectionLost(INVALID_DATA)
            if message.kind == "ended" and not self._address.ends:
                raise ConnectionLost("the stream ended")
            yield message
            if message.kind == "ended":
                return

    def _check(self, message: Message) -> None:
        planes = message.planes[: len(self._shapes)] if self._has_sound else message.planes
        shapes = tuple(plane.shape for plane in planes)
        if shapes != self._shapes or message.fields.get("corrupt") not in (False, True):
            raise ConnectionLost(INVALID_DATA)

    def kill(self) -> None:
        """End the process at once: whoever waits for it is freed."""
        self._child.kill()

    def close(self) -> None:
        """Free what belongs to it. Called once."""
        self._child.close()

    def _send(self, message: Message) -> None:
        try:
            self._child.send(message, START_LIMIT)
        except ChildGone as gone:
            raise ConnectionLost(f"the capture process failed: {gone}") from gone

    def _expect(self, kind: str, limit: float, otherwise: str) -> Message:
        message = self._receive(limit, otherwise)
        if message.kind != kind:
            raise ConnectionLost(INVALID_DATA)
        return message

    def _receive(self, limit: float, otherwise: str) -> Message:
        """The next message. What the consumer does in between is not counted as silence."""
        begun = monotonic()
        try:
            message = self._child.receive(limit)
        except ChildGone as gone:
            late = monotonic() - begun >= limit
            raise ConnectionLost(
                otherwise if late else f"the capture process failed: {gone}"
            ) from gone
        self._silent += monotonic() - begun
        if message.kind == "failed":
            fields = message.fields
            reason = str(fields.get("reason", INVALID_DATA))
            raise ConnectionLost(reason, permanent=fields.get("permanent") is True)
        return message
