"""Where detectors see somebody, for what must not take people for a part of the scene."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stream_anon.masking.unparsed import body_below

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stream_anon.core.frame import Frame
    from stream_anon.core.parts import Box
    from stream_anon.masking.bodies import Bodies
    from stream_anon.masking.watch import Watch
    from stream_anon.masking.zones import Zones

AROUND = 0.5
"""Share of its size by which somebody may reach beyond what a detector says."""


def people_in(
    frame: Frame, watches: Sequence[Watch], bodies: Bodies | None, zones: Zones
) -> Iterator[Box]:
    """Everywhere that somebody may be, in frame pixels; of a face, the body below it as well.

    Args:
        frame: the newest one.
        watches: whose tracks count, where they were last.
        bodies: the slow detector's.
        zones: whoever is in those that are ignored does not count.
    """
    for watch in watches:
        for track in watch.confirmed():
            box = track.forward[max(track.forward)]
            if not zones.covers(box):
                yield box.grown(AROUND * box.width, AROUND * box.height)
                if "face" in watch.labels:
                    yield body_below(box, frame)
    if bodies is not None:
        for part, _ in bodies.parts(frame.index - 1):
            yield part.box.grown(part.spread, part.spread)
