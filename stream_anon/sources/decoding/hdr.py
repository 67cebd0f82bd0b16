"""High dynamic range: pictures for ordinary screens out of those that are brighter than these."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from stream_anon.sources.decoding.filtering import chain

if TYPE_CHECKING:
    import av
    from av.filter import Graph

PQ, HLG = 16, 18
"""Code points of H.273."""
HDR_TRANSFERS = {PQ: "smpte2084", HLG: "arib-std-b67"}
"""What FFmpeg calls them."""
BT2020 = 9
MOST_KINDS = 4
"""Sizes, formats and curves that stay prepared: each takes seconds to prepare."""


class ToneMapper:
    """Maps pictures to 8-bit 4:2:0 in BT.709, by libswscale."""

    def __init__(self) -> None:
        self._graphs: dict[tuple[object, ...], Graph] = {}

    def mapped(self, picture: av.VideoFrame) -> av.VideoFrame:
        """The picture for a screen of standard dynamic range, at the same time."""
        kind = (picture.width, picture.height, picture.format.name, int(picture.color_trc))
        if kind not in self._graphs:
            if len(self._graphs) == MOST_KINDS:
                self._graphs.clear()
            self._graphs[kind] = _graph_for(picture)
        graph = self._graphs[kind]
        graph.push(picture)
        mapped = cast("av.VideoFrame", graph.pull())
        mapped.pts, mapped.time_base = picture.pts, picture.time_base
        return mapped


def _graph_for(picture: av.VideoFrame) -> Graph:
    transfer = HDR_TRANSFERS[int(picture.color_trc)]
    scale = (
        f"in_primaries=bt2020:in_transfer={transfer}:in_color_matrix=bt2020:out_range=limited:"
        "out_primaries=bt709:out_transfer=bt709:out_color_matrix=bt709"
    )
    return chain(picture, ("scale", scale), ("format", "pix_fmts=yuv420p"))
