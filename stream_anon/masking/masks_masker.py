"""Rendering from a record of masks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stream_anon.core.redacted import MaskedFrame, Unknown
from stream_anon.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from stream_anon.core.frame import Frame, StreamInfo
    from stream_anon.masking.masks_file import MasksReader


class MasksMasker:
    """Masks from a record, exactly as they were computed; nothing is detected."""

    def __init__(self, reader: MasksReader, info: StreamInfo) -> None:
        """Args: reader: of the record. info: of the video that is rendered.

        Raises:
            ConfigError: the masks belong to a video of another size or with other times.
        """
        header = reader.header
        if (header.width, header.height) != (info.width, info.height):
            raise ConfigError(
                f"the masks are for {header.width}x{header.height}, "
                f"but {info.label} is {info.width}x{info.height}"
            )
        if reader.time_base != info.time_base:
            raise ConfigError(
                f"the masks are for a video with a time base of {header.time_base} s, "
                f"but {info.label} has one of {info.time_base} s"
            )
        self._reader = reader
        self.labels: set[str] = set()
        """What was hidden so far."""

    def masks(self, frames: Iterable[Frame]) -> Iterator[MaskedFrame]:
        """Every frame with its mask, in order.

        Raises:
            ConfigError: the record is damaged.
        """
        records = self._reader.frames()
        record = next(records, None)
        for frame in frames:
            while record is not None and record.index < frame.index:
                record = next(records, None)
            if frame.corrupt:
                yield MaskedFrame(frame, Unknown.CORRUPT)
            elif record is None or (record.index, record.pts) != (frame.index, frame.pts):
                yield MaskedFrame(frame, Unknown.NOT_IN_TRACKS)
            else:
                if not isinstance(record.parts, Unknown):
                    self.labels.update(part.label for part in record.parts)
                yield MaskedFrame(frame, record.parts)
        for _ in records:  # read on beyond the input, to find damage
            pass
