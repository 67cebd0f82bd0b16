"""Chains of FFmpeg's filters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import av.filter

if TYPE_CHECKING:
    from av.filter import Graph


def chain(picture: av.VideoFrame, *filters: tuple[str, str]) -> Graph:
    """Filters, one after the other, for pictures of the size and format of this one.

    Args:
        picture: the first to come.
        filters: FFmpeg's name and options of each.
    """
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=picture.width,
        height=picture.height,
        format=picture.format,
        time_base=picture.time_base,
    )
    inner = [graph.add(name, options) for name, options in filters]
    graph.link_nodes(source, *inner, graph.add("buffersink")).configure()
    return graph
