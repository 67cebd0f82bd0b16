"""Decoding passes over a file: from its beginning, or from a keyframe in it."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import av
import av.error

from stream_anon.core.demuxers import MAX_READ_ERRORS, demux
from stream_anon.sources.base import Losses
from stream_anon.sources.decoding.cropping import read_crop
from stream_anon.sources.decoding.decoder import Decoder
from stream_anon.sources.decoding.gaps import TELLING, Gaps, Rhythm
from stream_anon.sources.decoding.indexing import Uncertain, identity
from stream_anon.sources.decoding.interlacing import FILTER, Deinterlacer
from stream_anon.sources.decoding.length import GAPPY_FORMATS, Length
from stream_anon.sources.decoding.opening import (
    CHECKSUMMED,
    choose_video,
    notes_on_videos,
    open_input,
    reason,
    videos_of,
)
from stream_anon.sources.decoding.stills import still_of
from stream_anon.sources.decoding.witness import witness_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from av.video.stream import VideoStream

    from stream_anon.sources.decoding.index import Keyframe, KeyframeIndex

EARLIER = (0, 1, 4)
"""Keyframes to go back where a container does not find the one that is looked for."""


class WholePass:
    """Everything, from the beginning: what cannot be read or decoded is counted."""

    def __init__(self, path: Path, losses: Losses, track: int | None = None) -> None:
        """Open the file.

        Args:
            path: of the file.
            losses: where they are counted.
            track: number of the video track, as for `choose_video`.

        Raises:
            SourceError: it is not a video that can be read.
        """
        self._losses, self._track = losses, track
        self._packets = self._packets_to_show = 0
        self.container = open_input(path)
        try:
            self.stream = choose_video(self.container, path, track)
            self.length = Length(self.container, self.stream, path)
            self._gaps = self._make_gaps(path)
            self._decoder = Decoder(
                self.stream, self.container.format.name, losses, gaps=self._gaps
            )
            self.crop = read_crop(path, self.container.format.name, self.stream.id, self._rank())
            self._still = still_of(self.container, path)
        except BaseException:
            self.container.close()
            raise
        self._deinterlacer = Deinterlacer()
        self.pictures = self._decode()
        if self.stream.codec_context.name not in CHECKSUMMED:  # interlaced means another thing
            self.pictures = self._deinterlacer.whole(self.pictures)
        if self._still.picture is not None:
            self.pictures = iter([(self._still.picture, False)])
        """All pictures and whether they are suspect."""

    def _rank(self) -> int:
        """Place of the video among all of the file, without cover pictures."""
        videos = [stream.index for stream in videos_of(self.container)]
        return videos.index(self.stream.index) if self.stream.index in videos else len(videos)

    @property
    def start(self) -> Fraction:
        """When the file begins, in seconds, with whatever begins first."""
        return Fraction(self.container.start_time or 0, av.time_base)

    @property
    def notes(self) -> list[str]:
        """What of the file is left out, and what is not as it was coded."""
        notes = notes_on_videos(self.container, self.stream, asked_for=self._track is not None)
        notes += self._still.notes
        if self.is_interlaced:
            notes.append(f"interlaced video was deinterlaced ({FILTER})")
        return notes

    @property
    def is_interlaced(self) -> bool:
        """There were interlaced pictures so far."""
        return self._deinterlacer.count > 0

    def _decode(self) -> Iterator[tuple[av.VideoFrame, bool]]:
        for packet in self._all_packets():
            yield from self._decoder.decode(packet)
            if self._decoder.has_ended:
                return

    def _make_gaps(self, path: Path) -> Gaps | None:
        name = self.stream.codec_context.name
        if self.container.format.name not in GAPPY_FORMATS or name in TELLING:
            return None
        number = self.stream.index
        return Gaps(Rhythm(path, number), witness_for(path, number, name))

    def _all_packets(self) -> Iterator[av.Packet[VideoStream]]:
        """Every packet of the video, and one at the end that empties the decoder."""
        failures = 0
        while failures < MAX_READ_ERRORS:
            try:
                for packet in demux(self.container, self.stream):
                    failures = 0
                    self._packets += packet.size > 0
                    self._packets_to_show += packet.size > 0 and not packet.is_discard
                    yield packet
            except av.error.FFmpegError as error:
                if not failures:
                    self._decoder.lose(reason(error))
                failures += 1
            else:
                return
        last: av.Packet[VideoStream] = av.Packet()  # type: ignore[assignment]
        last.stream = self.stream
        yield last

    def count_missing(self, decoded: int, end: Fraction) -> None:
        """Say how many frames never came.

        Args:
            decoded: frames that came.
            end: when the last of them ends, in seconds.
        """
        decoded += self._decoder.leading
        missing = self.length.missing(self._packets, decoded, end)
        missing = max(missing, 0) + self._decoder.skipped
        losses = self._losses
        if losses.packets:
            missing += max(self._packets_to_show - decoded, 0)
        if missing:
            losses.frames = missing
            losses.reason = losses.reason or "frames are missing from the file"

    def close(self) -> None:
        """Free the decoder and the file."""
        if self._gaps is not None:
            self._gaps.close()
        self.container.close()


class KeyframePass:
    """From a keyframe to the end: exactly what a pass over everything gives there, or nothing.

    Each packet and each picture is compared with the index.
    """

    def __init__(
        self, path: Path, index: KeyframeIndex, entry: Keyframe, track: int | None = None
    ) -> None:
        """Open the file again."""
        self._index, self._entry = index, entry
        self._losses = Losses()
        self._container = open_input(path)
        try:
            self._stream = choose_video(self._container, path, track)
            name = self._container.format.name
            self._decoder = Decoder(self._stream, name, self._losses, since=entry.pts)
        except BaseException:
            self._container.close()
            raise

    def pictures(self) -> Iterator[tuple[av.VideoFrame, bool]]:
        """The picture of the keyframe, and all that are shown after it.

        Raises:
            Uncertain: something is not as the index has it, or damaged.
        """
        expected = self._entry.frame
        shown = self._index.shown
        try:
            for packet in self._packets():
                for picture, suspect in self._decoder.decode(packet):
                    if picture.pts is not None and picture.pts < self._entry.pts:
                        continue  # it needs what was before the keyframe
                    if expected == len(shown) or picture.pts != shown[expected]:
                        raise Uncertain("other frames come out than the index promises")
                    if expected == self._entry.frame and not picture.key_frame:
                        raise Uncertain("what the container calls a keyframe is not one")
                    if picture.interlaced_frame:
                        raise Uncertain("interlaced pictures depend on those before them")
                    if suspect or self._losses:
                        raise Uncertain(self._losses.reason or "the decoder reports damage")
                    yield picture, False
                    expected += 1
        except av.error.FFmpegError as error:
            raise Uncertain(reason(error)) from error
        if expected < len(shown) or self._losses:
            raise Uncertain(self._losses.reason or "fewer frames come out than the index promises")

    def _packets(self) -> Iterator[av.Packet[VideoStream]]:
        packets, number = self._index.packets, self._entry.packet
        for packet in self._sought():
            if packet.size:
                if number == len(packets) or packet.pts is None:
                    raise Uncertain("there are more packets than before")
                if identity(packet, packet.pts) != packets[number]:
                    raise Uncertain("packets are not the same as before")
                number += 1
            yield packet

    def _sought(self) -> Iterator[av.Packet[VideoStream]]:
        """The keyframe's packet, and all after it."""
        for count in EARLIER:
            aim = self._index.earlier(self._entry, count)
            if aim is None:
                break
            offset = aim.pts if aim.dts is None else aim.dts
            self._container.seek(offset, stream=self._stream)
            packets = demux(self._container, self._stream)
            for packet in packets:
                if packet.pts == self._entry.pts:
                    yield packet
                    yield from packets
                    return
                if not packet.size or (packet.is_keyframe and (packet.pts or 0) > self._entry.pts):
                    break  # too late
        raise Uncertain("the container does not find its keyframes again")

    def close(self) -> None:
        """Free the decoder and the file."""
        self._container.close()
