"""Puts back what a seal holds of the chosen tracks, and of nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stream_anon.core.unsealed import _RESTORER_KEY, UnsealedFrame
from stream_anon.errors import ConfigError, SealError
from stream_anon.sealing.pixels import put_back, unpacked

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stream_anon.core.frame import Frame
    from stream_anon.sealing.age import Identity
    from stream_anon.sealing.pixels import Restored
    from stream_anon.sealing.reader import SealReader

_NAMED = 12
"""Tracks that an error names."""


class Restorer:
    """Makes `UnsealedFrame`s of the frames of a redacted video, which come in order.

    Pixels that the chosen tracks share with others come back only if all of those are chosen too.
    """

    def __init__(
        self, seal: SealReader, identities: Sequence[Identity], chosen: Sequence[str]
    ) -> None:
        """Args: seal: of that video. identities: that open it. chosen: whom to show.

        Raises:
            ConfigError: somebody chosen is not in the seal.
        """
        self._seal = seal
        known = seal.owners
        for owner in chosen:
            if owner not in known:
                more = ", …" if len(known) > _NAMED else ""
                there = ", ".join(known[:_NAMED]) + more if known else "nobody"
                raise ConfigError(f"there is no track {owner} in the seal: it holds {there}")
        wanted, index = frozenset(chosen), seal.index
        streams = [
            _Stream(seal, number, identities)
            for number, stream in enumerate(index.streams)
            if wanted.issuperset(stream.owners)
        ]
        self._streams = sorted(streams, key=lambda stream: -stream.first)
        """Those to come, the next one last."""
        self._running: list[_Stream] = []
        self._count = 0
        self.frames_restored = 0
        self.frames_shared = max(
            (
                stream.frames
                for stream in index.streams
                if wanted.intersection(stream.owners) and not wanted.issuperset(stream.owners)
            ),
            default=0,
        )
        """Frames, at least, in which a part stays hidden because it is somebody else's too."""

    def restore(self, frame: Frame) -> UnsealedFrame:
        """The next frame, with what the seal has of it.

        Raises:
            SealError: the seal is damaged, or does not fit.
        """
        index, number = self._seal.index, self._count
        self._count += 1
        # An encoder may have needed even sides, and padded the picture.
        even = (index.width + index.width % 2, index.height + index.height % 2)
        if (frame.width, frame.height) not in ((index.width, index.height), even):
            raise SealError(
                f"the seal is of pictures of {index.width}x{index.height}, and the video has "
                f"{frame.width}x{frame.height}: name the video that was written with it"
            )
        while self._streams and self._streams[-1].first <= number:
            self._running.append(self._streams.pop())
        y, u, v = frame.planes
        planes = (y.copy(), u.copy(), v.copy())
        restored = False
        for stream in self._running:
            if (found := stream.take(number)) is not None:
                put_back(planes, found)
                restored = True
        self._running = [stream for stream in self._running if not stream.ended]
        self.frames_restored += restored
        return UnsealedFrame(_RESTORER_KEY, planes=planes, stamp=frame.stamp, restored=restored)

    def check_end(self) -> None:
        """After the last frame of the video.

        Raises:
            SealError: the seal is of a video with more frames, or fewer.
        """
        frames = self._seal.index.frames
        if self._count != frames or self._streams or self._running:
            raise SealError(
                f"the seal is of a video of {frames} frames, and {self._count} could be read: name "
                "the video that was written with it"
            )


class _Stream:
    """What a seal has of the same owners, frame by frame; read from its first frame on."""

    def __init__(self, seal: SealReader, number: int, identities: Sequence[Identity]) -> None:
        self.first = seal.index.streams[number].first
        self._coming = _restored(seal, number, identities)
        self._next: Restored | None = None
        self._begun = False

    @property
    def ended(self) -> bool:
        return self._begun and self._next is None

    def take(self, number: int) -> Restored | None:
        """What there is of a frame; each frame is asked for once, in order."""
        if not self._begun:
            self._advance()
        found = self._next
        if found is None or found.frame != number:
            return None
        self._advance()
        return found

    def _advance(self) -> None:
        self._next, self._begun = next(self._coming, None), True


def _restored(seal: SealReader, number: int, identities: Sequence[Identity]) -> Iterator[Restored]:
    last = -1
    for chunk in seal.chunks(number, identities):
        try:
            for found in unpacked(chunk, seal.index.width, seal.index.height):
                if found.frame <= last:
                    raise SealError("its frames are out of order")
                last = found.frame
                yield found
        except SealError as error:
            raise seal.damaged(str(error)) from error
