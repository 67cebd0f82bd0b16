"""From packets to pictures, each marked as suspect or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import av.error

from stream_anon.sources.decoding.damage import DENSE, Damage, DroppedPictures, has_hole
from stream_anon.sources.decoding.opening import decoder_for, reason
from stream_anon.sources.decoding.references import FrameNumbers

if TYPE_CHECKING:
    from av.video.stream import VideoStream

    from stream_anon.sources.base import Losses
    from stream_anon.sources.decoding.gaps import Gaps

Picture = tuple[av.VideoFrame, bool]
"""A picture, and whether it is suspect."""


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
        self._context = decoder_for(stream)
        self._name = stream.codec_context.name
        self._container = container
        self._losses = losses
        self._gaps = gaps
        self._numbers = _numbers(stream)
        self._damage = Damage(self._name)
        self._dropped: DroppedPictures | None = None
        self._first = since
        """Pts of the keyframe that decoding begins with, until a picture from there on comes out;
        None where it begins with none."""
        self.leading = 0
        """Packets of pictures that are due before that, without those that came whole."""
        self.skipped = 0
        """Frames that are missing between those that came."""
        self.has_ended = False
        """It takes no more packets."""

    def decode(self, packet: av.Packet[VideoStream]) -> list[Picture]:
        """Pictures that come out when this packet goes in, in the order in which they are shown.

        Those that are shown before the first keyframe, and need what was before it, are left out.
        """
        self._check(packet)
        try:
            pictures = self._context.decode(packet)
        except av.error.EOFError:
            self.has_ended = True
            return []
        except (av.error.FFmpegError, ValueError) as error:
            self.lose(reason(error), packet)
            return []
        return [
            (picture, self._is_suspect(picture)) for picture in pictures if not self._leads(picture)
        ]

    def lose(self, why: str, packet: av.Packet[VideoStream] | None = None) -> None:
        """Something was lost at this packet or before it; None where it is not known."""
        self._damage.report(packet)
        self._count(why)

    def trust(self) -> None:
        """Reset the suspicion: pictures from now on are whole."""
        self._damage = Damage(self._name)

    def _check(self, packet: av.Packet[VideoStream]) -> None:
        if self._dropped is None:
            if self._first is None and packet.is_keyframe:
                self._first = packet.pts
            self._dropped = DroppedPictures(self._name, self._first)
        if self._first is not None and packet.pts is not None and packet.pts < self._first:
            self.leading += not packet.is_discard
        self._dropped.put(packet)
        self._damage.pass_on(packet)
        data = bytes(packet) if self._numbers or self._name.startswith(DENSE) else b""
        missing = self._numbers.missing_before(data) if self._numbers else 0
        if packet.is_corrupt:
            self._count("a packet is marked as damaged")
        elif has_hole(data, self._name, self._container):
            self.lose("part of a packet is blank", packet)
        elif missing:
            self.skipped += missing
            self.lose("frames that others refer to are missing", packet)

    def _leads(self, picture: av.VideoFrame) -> bool:
        """It needs what was before the first keyframe, and is not whole: players leave it out."""
        if self._first is not None and picture.pts is not None and picture.pts < self._first:
            self.leading -= not picture.is_corrupt
            return bool(picture.is_corrupt)
        self._first = None
        return False

    def _is_suspect(self, picture: av.VideoFrame) -> bool:
        tells = self._numbers is not None and not self._numbers.cannot_tell
        if self._gaps and not tells and (missing := self._gaps.before(picture)):
            self.skipped += missing
            self._damage.miss()
        if self._dropped and self._dropped.before(picture):
            self._count("the decoder dropped pictures")
            self._damage.miss()
        return self._damage.concerns(picture)

    def _count(self, why: str) -> None:
        self._losses.packets += 1
        self._losses.reason = why


def _numbers(stream: VideoStream) -> FrameNumbers | None:
    context = stream.codec_context
    return FrameNumbers(context.extradata) if context.name == "h264" else None
