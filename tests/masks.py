"""Records of masks for tests."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from stream_anon.config import load_settings
from stream_anon.masking.masks_file import MasksWriter
from stream_anon.masking.masks_format import FrameMasks, Header
from stream_anon.redaction.redactor import Redactor
from tests.stubs import make_info

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stream_anon.core.redacted import MaskedFrame, RedactedFrame

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
