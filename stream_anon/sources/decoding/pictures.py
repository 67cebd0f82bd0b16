"""From decoded pictures of any format to upright 8-bit 4:2:0 planes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import cv2
import numpy as np
from av.video.reformatter import VideoReformatter

from stream_anon.core.frame import ColorTags, plane_shapes
from stream_anon.errors import SourceError
from stream_anon.sources.decoding.orientation import Orientation

if TYPE_CHECKING:
    import av

    from stream_anon.core.frame import Plane, Planes

MIN_SIDE = 16
NATIVE = {"yuv420p", "yuvj420p"}
UNSPECIFIED = 2
BT601, BT709 = 6, 1
HD_ROWS = 720
"""Pictures made from RGB are coded as BT.709 from this height on and as BT.601 below."""
RGB_MATRIX = 0
MPEG_RANGE, JPEG_RANGE = 1, 2
_SWS_MATRIX = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}
"""libswscale's number for a matrix code point of H.273."""


def output_color(picture: av.VideoFrame) -> ColorTags:
    """Colour tags of the planes that `Upright` makes out of pictures like this one."""
    name = picture.format.name
    primaries, transfer = int(picture.color_primaries), int(picture.color_trc)
    if _is_rgb(picture):
        matrix = BT709 if picture.height >= HD_ROWS else BT601
        return ColorTags(matrix=matrix, primaries=primaries, transfer=transfer)
    return ColorTags(
        full_range=_is_full_range(picture, name),
        matrix=int(picture.colorspace),
        primaries=primaries,
        transfer=transfer,
    )


def _is_rgb(picture: av.VideoFrame) -> bool:
    name = picture.format.name
    return picture.format.is_rgb or name == "pal8" or int(picture.colorspace) == RGB_MATRIX


def _is_full_range(picture: av.VideoFrame, name: str) -> bool:
    tagged = int(picture.color_range)
    if tagged in (MPEG_RANGE, JPEG_RANGE):
        return tagged == JPEG_RANGE
    # Formats that are full range by definition: JPEG's own, and gray as pictures store it.
    return name.startswith(("yuvj", "gray", "ya", "mono"))


class Upright:
    """Turns decoded pictures into planes of one size and one range, rotated as a player would.

    8-bit 4:2:0 is taken as it is, without a copy. Everything else is converted to it by libswscale,
    range and matrix kept; RGB becomes MPEG range. A picture of another size than the first is
    fitted into the first one's size, with black bars.
    """

    def __init__(
        self,
        first: av.VideoFrame,
        label: str,
        size: tuple[int, int] | None = None,
        color: ColorTags | None = None,
    ) -> None:
        """Args:
            first: the first picture, which says how all are to be turned.
            label: display name of the source.
            size: columns and rows of every picture, upright; None takes those of the first.
            color: of every picture; None takes that of the first.

        Raises:
            SourceError: the picture is too small for anything.
        """
        if min(first.width, first.height) < MIN_SIDE:
            raise SourceError(
                f"the picture of {label} is {first.width}x{first.height} pixels: "
                f"at least {MIN_SIDE}x{MIN_SIDE} are needed"
            )
        name = first.format.name
        self._orientation = Orientation.of(first)
        self._reformatter = VideoReformatter()
        self._coded = (first.width, first.height)
        self.turned = self._orientation.transposed
        """Rows have become columns."""
        self.size = size or (self._coded[::-1] if self.turned else self._coded)
        self.color = color or output_color(first)
        self.converted_from = None if name in NATIVE else name
        """Pixel format that is converted to 8-bit 4:2:0."""

    def pass_over(self, picture: av.VideoFrame) -> None:
        """This picture is not wanted; its size is, as that of the one before the next."""
        self._coded = (picture.width, picture.height)

    def read(self, picture: av.VideoFrame) -> tuple[Planes, bool]:
        """Planes of `picture`, and whether its size is another than that of the one before."""
        before, self._coded = self._coded, (picture.width, picture.height)
        return self._planes(picture), before != self._coded

    def _planes(self, picture: av.VideoFrame) -> Planes:
        color = output_color(picture)
        is_native = picture.format.name in NATIVE and color.full_range == self.color.full_range
        if _is_gray(picture):
            planes = self._colored(picture)
        else:
            native = picture if is_native else self._converted(picture, color, self.color)
            planes = _view(native, 0), _view(native, 1), _view(native, 2)
        y, u, v = (self._orientation.upright(plane) for plane in planes)
        rows, columns = y.shape
        if (columns, rows) == self.size:
            return y, u, v
        return _fitted((y, u, v), self.size, self.color.full_range)

    def _colored(self, picture: av.VideoFrame) -> Planes:
        """Gray as luma, bit by bit: libswscale takes gray for full range, whatever its tag says."""
        if picture.format.name != "gray":
            picture = self._reformatter.reformat(picture, format="gray")
        luma = _view(picture, 0)
        chroma = np.full(plane_shapes(luma.shape[1], luma.shape[0])[1], 128, np.uint8)
        chroma.setflags(write=False)
        return luma, chroma, chroma

    def _converted(
        self, picture: av.VideoFrame, color: ColorTags, wanted: ColorTags
    ) -> av.VideoFrame:
        is_full = color.full_range or _is_rgb(picture)
        return self._reformatter.reformat(
            picture,
            format="yuv420p",
            src_colorspace=_SWS_MATRIX.get(color.matrix, _SWS_MATRIX[BT601]),
            dst_colorspace=_SWS_MATRIX.get(wanted.matrix, _SWS_MATRIX[BT601]),
            src_color_range=JPEG_RANGE if is_full else MPEG_RANGE,
            dst_color_range=JPEG_RANGE if wanted.full_range else MPEG_RANGE,
            interpolation="AREA",
        )


def _is_gray(picture: av.VideoFrame) -> bool:
    return picture.format.name.startswith("gray")


def _view(picture: av.VideoFrame, number: int) -> Plane:
    """A read-only view of the decoder's own memory, which lives as long as it is used."""
    plane = picture.planes[number]
    rows = np.frombuffer(cast("Any", plane), np.uint8).reshape(-1, abs(plane.line_size))
    if plane.line_size < 0:  # pictures stored from the bottom up
        rows = rows[::-1]
    rows.setflags(write=False)
    return rows[: plane.height, : plane.width]


def _fitted(planes: Planes, size: tuple[int, int], full_range: bool) -> Planes:
    """The picture scaled into `size`, centred, with black around it."""
    rows, columns = planes[0].shape
    width, height = size
    scale = min(width / columns, height / rows)
    inner = max(2, round(columns * scale) & ~1), max(2, round(rows * scale) & ~1)
    left, top = (width - inner[0]) // 2 & ~1, (height - inner[1]) // 2 & ~1
    blacks = (0 if full_range else 16, 128, 128)
    fitted: list[Plane] = []
    for plane, shape, black in zip(planes, plane_shapes(width, height), blacks, strict=True):
        part = 1 if shape == (height, width) else 2
        whole = np.full(shape, black, np.uint8)
        small = cv2.resize(
            plane, (inner[0] // part, inner[1] // part), interpolation=cv2.INTER_AREA
        )
        at = np.s_[top // part :, left // part :]
        room = whole[at][: small.shape[0], : small.shape[1]]
        room[:] = small[: room.shape[0], : room.shape[1]]
        whole.setflags(write=False)
        fitted.append(whole)
    y, u, v = fitted
    return y, u, v
