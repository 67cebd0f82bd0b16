"""Interlaced video: two half pictures in each, taken one after the other."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, cast

import av
import av.error

from stream_anon.sources.decoding.filtering import chain
from stream_anon.sources.decoding.transparency import has_alpha

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from av.filter import Graph

    from stream_anon.sources.decoding.decoder import Picture

FILTER, SETTINGS = "bwdif", "mode=send_frame:parity=auto:deint=interlaced"
"""FFmpeg's; one picture for each, and those that are not interlaced as they are."""


class Deinterlacer:
    """Makes whole pictures of half pictures, from the first interlaced one on.

    Lines that are missing are made of those above and below, and of the pictures before and after:
    where one of these is suspect, so is what comes out.
    """

    def __init__(self) -> None:
        self.count = 0
        """Interlaced pictures so far."""
        self._graph: Graph | None = None
        self._inside: deque[tuple[av.VideoFrame, bool]] = deque()
        """Pictures on their way, and whether they are suspect."""
        self._before = False
        """The last picture that came out was suspect."""

    def whole(self, pictures: Iterable[Picture]) -> Iterator[Picture]:
        """All pictures, in order, at their times."""
        for picture, suspect in pictures:
            if picture.interlaced_frame and not has_alpha(picture):  # which filters may drop
                self.count += 1
            elif self._graph is None:
                yield picture, suspect
                continue
            if self._graph is not None and not self._takes(picture):
                yield from self._rest()
            yield from self._through(picture, suspect)
        yield from self._rest()

    def _takes(self, picture: av.VideoFrame) -> bool:
        """The picture is of the kind that the filter was made for."""
        last = self._inside[-1][0] if self._inside else picture
        return _kind(last) == _kind(picture)

    def _through(self, picture: av.VideoFrame, suspect: bool) -> Iterator[Picture]:
        if self._graph is None:
            self._graph = chain(picture, (FILTER, SETTINGS))
        self._inside.append((picture, suspect))
        self._graph.push(picture)
        yield from self._finished()

    def _rest(self) -> Iterator[Picture]:
        """What is still inside; the filter is made anew for what comes next."""
        if self._graph is None:
            return
        self._graph.push(None)
        yield from self._finished()
        self._graph, self._before = None, False
        self._inside.clear()

    def _finished(self) -> Iterator[Picture]:
        while self._graph is not None and self._inside:
            try:
                made = cast("av.VideoFrame", self._graph.pull())
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            original, suspect = self._inside.popleft()
            after = bool(self._inside) and self._inside[0][1]
            made.pts, made.time_base = original.pts, original.time_base
            made.duration = original.duration
            yield made, suspect or self._before or after
            self._before = suspect


def _kind(picture: av.VideoFrame) -> tuple[int, int, str]:
    return picture.width, picture.height, picture.format.name
