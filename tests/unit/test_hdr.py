"""HDR becomes SDR: what a phone records is seen by the network, and by viewers, as it should be."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from stream_anon.sources.decoding.hdr import BT2020, HLG, PQ
from stream_anon.sources.decoding.pictures import BT709
from stream_anon.sources.file import MediaSource

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

WIDTH, HEIGHT = 96, 64
WHITE = {PQ: 0.58, HLG: 0.75}
"""Signal of diffuse white, as ITU-R BT.2408 has it; middle gray has these parts of it."""
GRAY = {PQ: 0.38, HLG: 0.38}


def write(path: Path, transfer: int) -> None:
    """A file of one 10-bit picture: the left half is middle gray, the right half diffuse white."""
    picture = av.VideoFrame(WIDTH, HEIGHT, "yuv420p10le")
    for number, plane in enumerate(picture.planes):
        samples = np.full((plane.height, plane.line_size // 2), 512, np.uint16)
        if number == 0:
            samples[:] = round(64 + 876 * GRAY[transfer])
            samples[:, WIDTH // 2 : WIDTH] = round(64 + 876 * WHITE[transfer])
        plane.update(samples.tobytes())
    picture.pts, picture.time_base = 0, Fraction(1, 25)
    picture.color_trc, picture.colorspace = transfer, 9
    picture.color_primaries, picture.color_range = BT2020, 1
    with av.open(str(path), "w") as output:
        options = {"x265-params": "log-level=error:lossless=1"}
        stream = output.add_stream("libx265", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p10le"
        context = stream.codec_context
        context.color_trc, context.colorspace = transfer, 9
        context.color_primaries, context.color_range = BT2020, 1
        for given in (picture, None):
            output.mux(stream.encode(given))


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_it_is_mapped_to_ordinary_white_and_gray_and_told(transfer: int, tmp_path: Path) -> None:
    write(tmp_path / "in.mp4", transfer)
    source = MediaSource(tmp_path / "in.mp4")
    try:
        (frame,) = source.frames()
        notes = source.notes
    finally:
        source.close()
    color = source.info.color
    assert (color.matrix, color.primaries, color.transfer) == (BT709, BT709, BT709)
    assert not color.full_range
    y, u, v = frame.planes
    gray, white = float(y[:, : WIDTH // 2 - 8].mean()), float(y[:, WIDTH // 2 + 8 :].mean())
    assert 90 < gray < 150
    assert 200 < white <= 236
    assert max(np.abs(u.astype(int) - 128).max(), np.abs(v.astype(int) - 128).max()) <= 2
    assert any("HDR" in note for note in notes)
