"""The slow parser of a live stream: a background worker that takes one frame at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stream_anon.core.channel import Cancelled, Channel, Closed
from stream_anon.core.stream_log import StreamThread

if TYPE_CHECKING:
    from collections.abc import Callable

    from stream_anon.core.frame import Frame
    from stream_anon.core.parts import Part


class BackgroundParser:
    """A background thread that parses one frame while the stream goes on.

    Used by one thread; `close` is called once.
    """

    def __init__(self, parse: Callable[[Frame], list[Part]]) -> None:
        self._parse = parse
        self._frames: Channel[Frame] = Channel(1)
        self._answers: Channel[tuple[Frame, list[Part]]] = Channel(1)
        self._thread = StreamThread(target=self._work, name="stream_anon parse", daemon=True)
        self.parsing: Frame | None = None
        """The frame that an answer is awaited for."""

    def submit(self, frame: Frame) -> None:
        """Start on a frame; the answer to the last one must have been taken."""
        if self._thread.ident is None:
            self._thread.start()
        self._frames.put(frame)
        self.parsing = frame

    def answer(self) -> tuple[Frame, list[Part]] | None:
        """The frame and what is in it once that is known; None before.

        Raises:
            ParserError: the parser failed.
        """
        if self.parsing is None:
            return None
        try:
            answer = self._answers.get(timeout=0)
        except TimeoutError:
            return None
        self.parsing = None
        return answer

    def close(self) -> None:
        """Wait for the parse that is under way; the parser is not in use afterwards.

        One that hangs keeps the caller waiting: it is the pipeline that gives up, and that then
        knows that the parser must not be closed.
        """
        self._frames.cancel()
        self._answers.cancel()
        if self._thread.ident is not None:
            self._thread.join()

    def _work(self) -> None:
        try:
            for frame in self._frames:
                self._answers.put((frame, self._parse(frame)))
        except (Cancelled, Closed):
            return
        except BaseException as error:  # noqa: BLE001 - raised again where the answer is taken
            self._answers.close(error)
