"""Log lines that tell which stream they are about, where one process has several live runs."""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING, Any

from stream_anon.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_NAME = 60


class StreamName:
    """The name of one live run, for the log."""

    _lock = threading.Lock()
    _at_work: list[StreamName] = []  # noqa: RUF012 - of all runs in this process
    _seen_together = False
    """Several runs have been at work at the same time, and one of them still is."""

    def __init__(self, given: str | None, label: str) -> None:
        """Args: given: by the user; label: of the source, without credentials.

        Raises:
            ConfigError: the name given is empty, too long or not printable.
        """
        if given is not None and not (0 < len(given.strip()) <= LONGEST_NAME and _plain(given)):
            raise ConfigError(
                f"the name of a stream has 1 to {LONGEST_NAME} printable characters: choose another"
            )
        self.text = label if given is None else given.strip()
        self._is_given = given is not None

    @property
    def is_shown(self) -> bool:
        """A single stream that nobody has named needs no name in the log."""
        return self._is_given or StreamName._seen_together

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """For the whole of a run: what this thread logs, and what those do that it makes."""
        with self._lock:
            taken = {other.text for other in self._at_work}
            number, text = 1, self.text
            while self.text in taken:
                number += 1
                self.text = f"{text} ({number})"
            self._at_work.append(self)
            StreamName._seen_together = StreamName._seen_together or len(self._at_work) > 1
        try:
            with self.current():
                yield
        finally:
            with self._lock:
                self._at_work.remove(self)
                StreamName._seen_together = StreamName._seen_together and bool(self._at_work)

    @contextmanager
    def current(self) -> Iterator[None]:
        """What this thread does inside is done for this stream."""
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)


_current: ContextVar[StreamName | None] = ContextVar("stream", default=None)


def _plain(text: str) -> bool:
    return all(character.isprintable() for character in text)


class _NamesStream(logging.Filter):
    """Adds `stream` to each record and, where there are several, the name to its text."""

    def filter(self, record: logging.LogRecord) -> bool:
        name = _current.get()
        record.__dict__["stream"] = name.text if name is not None else None
        if name is not None and name.is_shown:
            record.msg, record.args = f"[{name.text}] {record.getMessage()}", None
        return True


def stream_logger(name: str) -> logging.Logger:
    """The logger of a module. Its records have `stream`: the name of the live run, or None."""
    logger = logging.getLogger(name)
    if not any(isinstance(known, _NamesStream) for known in logger.filters):
        logger.addFilter(_NamesStream())
    return logger


class StreamThread(threading.Thread):
    """A thread that works for the stream that the thread making it works for."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._context = copy_context()

    def run(self) -> None:
        self._context.run(super().run)
