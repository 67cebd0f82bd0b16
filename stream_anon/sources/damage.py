"""Which pictures may show something else than what was recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import av

IN_FLIGHT = 24
"""More pictures than a decoder holds: for reordering and in its threads."""
BLURRED_BY = 3
"""Packets from the marked one on that may be the bad one: parsers mark what they were reading."""


class Damage:
    """From any sign of damage to the next intact keyframe, pictures are suspect.

    Signs are pictures that the decoder marks, and packets that it refused or that the container
    marks. Of packets one hears before their picture comes out, so a keyframe ends the suspicion
    only if it is shown later than they are.
    """

    def __init__(self) -> None:
        self._suspect = False
        self._until: int | None = None
        """Pts of the last packet that may be bad."""
        self._wait = 0
        """Pictures still to come out, where such packets have no pts."""
        self._unsure = 0

    def pass_on(self, packet: av.Packet[av.VideoStream]) -> None:
        """A packet is about to be decoded; called for each, in order."""
        if packet.is_corrupt:
            self._unsure = BLURRED_BY
        if self._unsure:
            self._unsure -= 1
            self.report(packet)

    def report(self, packet: av.Packet[av.VideoStream] | None) -> None:
        """This packet, or one that was read before it, is bad; None where packets are missing."""
        self._suspect = True
        if packet is None or packet.pts is None:
            self._wait = IN_FLIGHT
        elif self._until is None or packet.pts > self._until:
            self._until = packet.pts

    def concerns(self, picture: av.VideoFrame) -> bool:
        """Whether the next picture is suspect; called once for each, in order."""
        if picture.is_corrupt:
            self._suspect = True
        elif self._suspect and picture.key_frame and self._is_past(picture):
            self._suspect, self._until = False, None
        self._wait = max(0, self._wait - 1)
        return self._suspect

    def _is_past(self, picture: av.VideoFrame) -> bool:
        if self._wait or self._unsure:
            return False
        return self._until is None or (picture.pts is not None and picture.pts > self._until)
