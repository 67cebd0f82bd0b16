"""Records of masks for tests."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from stream_anon.config import load_settings
from stream_anon.core.parts import Box
from stream_anon.core.redacted import MaskedFrame, Unknown
from stream_anon.masking.masks_file import MasksReader, MasksWriter
from stream_anon.masking.masks_format import FrameMasks, Header
from stream_anon.redaction.redactor import Redactor
from tests.stubs import face, make_frame, make_info

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stream_anon.core.parts import Part
    from stream_anon.core.redacted import RedactedFrame

HASH = "ab" * 32
HEADER = Header(
    version="0", width=128, height=96, time_base="1/25", engine="stub", settings_sha256="cd" * 32
)
"""Of a record for `make_frame`."""


def recorded(masked: MaskedFrame) -> FrameMasks:
    return FrameMasks(masked.frame.index, masked.frame.pts, masked.parts)


def written(
    masks: Sequence[MaskedFrame | FrameMasks],
    *,
    header: Header = HEADER,
    input_sha256: str | None = HASH,
    compress: bool = False,
    end: bool = True,
) -> bytes:
    """A record of masks; without `end` that of a run that was killed."""
    file = io.BytesIO()
    writer = MasksWriter(file, header, compress=compress)
    for masked in masks:
        writer.write(masked if isinstance(masked, FrameMasks) else recorded(masked))
    if end:
        writer.end(input_sha256)
    writer.close()
    return file.getvalue()


def redrawn(masked: MaskedFrame, method: str = "blur") -> RedactedFrame:
    settings = load_settings(None, {"redaction.method": method})
    return Redactor(settings.redaction, make_info().color).redact(masked)


def read_back(data: bytes) -> MasksReader:
    return MasksReader(io.BytesIO(data), "m.jsonl")


def two_faces(index: int) -> tuple[Part, ...]:
    return face(Box(10.5 + index, 20.3, 30, 40)), face(Box(60, 20 + index / 3, 25.4, 31), person=4)


def short_run(count: int = 6) -> list[MaskedFrame]:
    """Two people; nobody in frame 2; frame 3 is damaged."""
    masks: list[MaskedFrame] = []
    for index in range(count):
        parts: tuple[Part, ...] | Unknown = () if index == 2 else two_faces(index)
        parts = Unknown.CORRUPT if index == 3 else parts
        frame = make_frame(index=index, pattern="texture", corrupt=index == 3)
        masks.append(MaskedFrame(frame, parts))
    return masks
