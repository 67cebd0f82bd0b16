"""From packets to pictures, each marked as suspect or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import av.error

from stream_anon.sources.decoding.damage import Damage, DroppedPictures, has_hole
from stream_anon.sources.decoding.opening import reason

if TYPE_CHECKING:
    from av.video.stream import VideoStream

    from stream_anon.sources.base import Losses
    from stream_anon.sources.decoding.timing import Gaps


class Decoder:
    """Decodes one video stream, of a file or live. Every sign of damage is heard here.

    Pictures that the decoder reports as damaged, and all after them up to the next intact keyframe,
    are suspect; what cannot be decoded is counted in `losses`.
    """

    def __init__(
        self,
        stream: VideoStream,
        container: str,
        losses: Losses,
        *,
        gaps: Gaps | None = None,
        since: int | None = None,
    ) -> None:
        """Args:
        stream: opened, as `choose_video` leaves it.
        container: FFmpeg's name of its format.
        losses: where what is lost is counted.
        gaps: finds frames that are missing between two pictures.
        since: pts of the keyframe that decoding starts at, in mid-stream: of what is shown before
            it, nothing is missed.
        """
        self._name = stream.codec_context.name
        self._container = container
        self._losses = losses
        self._gaps = gaps
        self._damage = Damage(self._name)
        self._dropped = DroppedPictures(self._name, since)
        self.skipped = 0
        """Frames that are missing between those that came."""
        self.has_ended = False
        """It takes no more packets."""

    def decode(self, packet: av.Packet[VideoStream]) -> list[tuple[av.VideoFrame, bool]]:
        """Pictures that come out when this packet goes in, in the order in which they are shown."""
        self._check(packet)
        self._dropped.put(packet)
        try:
            pictures = packet.decode()
        except av.error.EOFError:
            self.has_ended = True
            return []
        except (av.error.FFmpegError, ValueError) as error:
            self.lose(reason(error), packet)
            return []
        return [(picture, self._is_suspect(picture)) for picture in pictures]

    def lose(self, why: str, packet: av.Packet[VideoStream] | None = None) -> None:
        """Something was lost at this packet or before it; None where it is not known."""
        self._damage.report(packet)
        self._count(why)

    def trust(self) -> None:
        """Reset the suspicion: pictures from now on are whole."""
        self._damage = Damage(self._name)

    def _check(self, packet: av.Packet[VideoStream]) -> None:
        self._damage.pass_on(packet)
        if packet.is_corrupt:
            self._count("a packet is marked as damaged")
        elif has_hole(packet, self._name, self._container):
            self.lose("part of a packet is blank", packet)

    def _is_suspect(self, picture: av.VideoFrame) -> bool:
        if self._gaps and (missing := self._gaps.before(picture.pts)):
            self.skipped += missing
            self._damage.miss()
        if self._dropped.before(picture):
            self._count("the decoder dropped pictures")
            self._damage.miss()
        return self._damage.concerns(picture)

    def _count(self, why: str) -> None:
        self._losses.packets += 1
        self._losses.reason = why
