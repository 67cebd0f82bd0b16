"""What one operator sees of one camera in debug mode without redaction, for a few minutes."""

from __future__ import annotations

from contextlib import suppress
from time import monotonic, strftime
from typing import TYPE_CHECKING

from stream_anon.errors import StreamAnonError
from stream_anon.web.cameras.slot import NewestPicture

if TYPE_CHECKING:
    from collections.abc import Callable

    from stream_anon.web.security.who import Who

MINUTES = 5
"""After which it ends by itself."""
CHECK = 1.0
"""Seconds between two looks whether its operator is still logged in."""


class RawView:
    """A slot of its own for raw pictures: no other slot ever has one, and no other login this one.

    It ends with its time, with the login of its operator, and with the camera's process.
    """

    def __init__(
        self, who: Who, is_known: Callable[[Who], bool], on_end: Callable[[str], object]
    ) -> None:
        """Begin.

        Args:
            who: the operator.
            is_known: whether that login still holds.
            on_end: told why it has ended: writes the audit log.
        """
        self.who = who
        self.slot = NewestPicture()
        self.banner = f"NOT ANONYMIZED  {who.name}  {strftime('%H:%M')}"
        """Drawn into each picture."""
        self._is_known, self._on_end = is_known, on_end
        self._until = monotonic() + 60 * MINUTES
        self._checked = 0.0
        self._is_over = False

    def is_for(self, who: Who) -> bool:
        """Whether this very login asked for it, and it has not ended."""
        return (
            who.is_operator
            and who.session_id == self.who.session_id
            and not self._is_over
            and monotonic() < self._until
        )

    def put(self, jpeg: bytes) -> None:
        """A raw picture, which nobody gets once it has ended."""
        if self.why_over() is None:
            self.slot.put(jpeg)

    def why_over(self) -> str | None:
        """Why it has ended, or is to end now; None while it goes on."""
        now = monotonic()
        if self._is_over:
            return "it has ended"
        if now >= self._until:
            return f"after {MINUTES} minutes"
        if now - self._checked >= CHECK:
            if not self._is_known(self.who):
                return "the operator is not logged in any more"
            self._checked = now
        return None

    def end(self, why: str) -> None:
        """No more pictures; whoever watches is let go."""
        if not self._is_over:
            self._is_over = True
            self.slot.end()
            with suppress(StreamAnonError):  # it has ended, noted or not
                self._on_end(why)
