"""Which pictures may show something else than what was recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import av

IN_FLIGHT = 24
"""More pictures than a decoder holds: for reordering and in its threads."""
BLURRED_BY = 3
"""Packets from the marked one on that may be the bad one: parsers mark what they were reading."""
MARKING = ("h263", "h264", "mpeg", "msmpeg", "wmv", "vc1", "flv")
"""Decoders, by the start of their names, that mark a damaged keyframe themselves."""
HOLE = bytes(128)
"""Zeros that no encoder below writes: part of the file was never stored."""
DENSE = ("h264", "hevc", "vp8", "vp9", "libvpx", "av1", "libdav1d")
"""Decoders, by the start of their names, of streams that look like noise, byte by byte."""
PADDED = ("mpegts", "h264", "hevc", "mpeg")
"""Containers that may have zeros between pictures, at the end of packets."""


def has_hole(data: bytes, decoder: str, container: str) -> bool:
    """Part of the packet is missing and reads as zeros."""
    if not decoder.startswith(DENSE):
        return False
    return HOLE in (data.rstrip(b"\0") if container in PADDED else data)


class Damage:
    """From any sign of damage to the next intact keyframe, pictures are suspect.

    Signs are pictures that the decoder marks, and packets that it refused or that the container
    marks. Of packets one hears before their picture comes out, so a keyframe ends the suspicion
    only if it is shown later than they are.
    """

    def __init__(self, decoder: str) -> None:
        """Args: decoder: FFmpeg's name of it."""
        self._blurred_by = 1 if decoder.startswith(MARKING) else BLURRED_BY
        self._suspect = False
        self._until: int | None = None
        """Pts of the last packet that may be bad."""
        self._wait = 0
        """Pictures still to come out, where such packets have no pts."""
        self._unsure = 0
        self._last: int | None = None
        """Pts of the last picture."""

    def pass_on(self, packet: av.Packet[av.VideoStream]) -> None:
        """A packet is about to be decoded; called for each, in order."""
        if packet.is_corrupt:
            self._unsure = self._blurred_by
        if self._unsure:
            self._unsure -= 1
            self.report(packet)

    def report(self, packet: av.Packet[av.VideoStream] | None) -> None:
        """This packet, or one that was read before it, is bad; None where it is not known."""
        self._suspect = True
        if packet is None or packet.pts is None:
            self._wait = IN_FLIGHT
        elif self._until is None or packet.pts > self._until:
            self._until = packet.pts

    def miss(self) -> None:
        """Something is missing before the picture that comes now; a keyframe does not need it."""
        self._suspect = True

    def concerns(self, picture: av.VideoFrame) -> bool:
        """Whether the next picture is suspect; called once for each, in order."""
        if picture.pts is not None:
            if self._last is not None and picture.pts < self._last:
                self._until = None  # time starts again
            self._last = picture.pts
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


class DroppedPictures:
    """Counts pictures that went into the decoder and did not come out.

    A decoder drops those whose references are missing: after a missing keyframe, say.
    """

    def __init__(self, decoder: str, since: int | None = None) -> None:
        """Args: decoder: FFmpeg's name of it. since: pictures with an earlier pts do not count."""
        self._is_sure = decoder in {"h264", "hevc"}  # one packet, one picture
        self._inside: set[int] = set()
        self._last = None if since is None else since - 1

    def put(self, packet: av.Packet[av.VideoStream]) -> None:
        """A packet is about to be decoded; called for each, in order."""
        pts = packet.pts
        if not self._is_sure or pts is None or not packet.size or packet.is_discard:
            return
        if self._last is None or pts > self._last:
            self._inside.add(pts)

    def before(self, picture: av.VideoFrame) -> int:
        """How many were left out since the picture before this one; called for each, in order."""
        if picture.interlaced_frame:
            self._is_sure = False  # two packets, one picture
        if picture.pts is None or not self._is_sure:
            return 0
        if self._last is not None and picture.pts < self._last:
            self._inside.clear()  # time starts again
        due = {pts for pts in self._inside if pts <= picture.pts}
        self._inside -= due
        self._last = picture.pts
        return len(due - {picture.pts})
