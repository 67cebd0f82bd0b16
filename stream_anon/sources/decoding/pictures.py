"""From decoded pictures of any format to upright 8-bit 4:2:0 planes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import cv2
import numpy as np
from av.video.reformatter import VideoReformatter

from stream_anon.core.frame import ColorTags, plane_shapes
from stream_anon.errors import SourceError
from stream_anon.sources.decoding.cropping import Crop
from stream_anon.sources.decoding.hdr import HDR_TRANSFERS, ToneMapper
from stream_anon.sources.decoding.orientation import Orientation
from stream_anon.sources.decoding.transparency import (
    BACKGROUND,
    WITH_ALPHA,
    composited,
    has_alpha,
    is_opaque,
)

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
    if transfer in HDR_TRANSFERS:
        return ColorTags(matrix=BT709, primaries=BT709, transfer=BT709)
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
    range and matrix kept; RGB becomes MPEG range, HDR is tone-mapped to SDR, and transparent parts
    become white. What the container crops away is left out. A picture of another size is fitted
    into that of all, with black bars.
    """

    def __init__(
        self,
        first: av.VideoFrame,
        label: str,
        size: tuple[int, int] | None = None,
        color: ColorTags | None = None,
        crop: Crop | None = None,
        coded: tuple[int, int] | None = None,
    ) -> None:
        """Args:
            first: the first picture, which says how all are to be turned.
            label: display name of the source.
            size: columns and rows of every picture, upright; None takes those of the first.
            color: of every picture; None takes that of the first.
            crop: what the container crops away, of the pictures as coded.
            coded: columns and rows of the coded pictures that the size of all is that of; None
                takes the first.

        Raises:
            SourceError: the picture is too small for anything.
        """
        coded = coded or (first.width, first.height)
        self._crop = crop if crop and crop.fits(*coded) else Crop()
        self._cropped_from = coded
        width, height = self._crop.size_of(*coded)
        if min(width, height) < MIN_SIDE:
            raise SourceError(
                f"the picture of {label} is {width}x{height} pixels: "
                f"at least {MIN_SIDE}x{MIN_SIDE} are needed"
            )
        name = first.format.name
        self._orientation = Orientation.of(first)
        self._reformatter = VideoReformatter()
        self._tones: ToneMapper | None = None
        self._coded = (first.width, first.height)
        self.turned = self._orientation.transposed
        """Rows have become columns."""
        self.size = size or ((height, width) if self.turned else (width, height))
        self.color = color or output_color(first)
        self.converted_from = None if name in NATIVE else name
        """Pixel format that is converted to 8-bit 4:2:0."""
        self._has_filled = False
        self._fitted = 0
        """Pictures that were of another size."""

    @property
    def notes(self) -> list[str]:
        """Notes for the user: what differs from the pictures as they are coded."""
        width, height = self.size
        notes = []
        if self._crop:
            coded = "x".join(map(str, self._cropped_from))
            notes.append(f"cropped from {coded} as the container asks, like in players")
        if self._has_filled:
            notes.append(f"transparent parts (alpha) were filled with {BACKGROUND}")
        if self._tones is not None:
            notes.append("HDR was tone-mapped to SDR: 8 bits, BT.709")
        if self._fitted:
            notes.append(
                f"the size changes: {self._fitted} frames were fitted into {width}x{height}"
            )
        return notes

    def pass_over(self, picture: av.VideoFrame) -> None:
        """This picture is not wanted; its size is, as that of the one before the next."""
        self._coded = (picture.width, picture.height)

    def read(self, picture: av.VideoFrame) -> tuple[Planes, bool]:
        """Planes of `picture`, and whether its size is another than that of the one before."""
        before, self._coded = self._coded, (picture.width, picture.height)
        return self._planes(picture), before != self._coded

    def _planes(self, picture: av.VideoFrame) -> Planes:
        planes = self._native(picture)
        if self._crop:
            size = picture.width, picture.height
            planes = self._crop.scaled(self._cropped_from, size).applied(planes)
        y, u, v = (self._orientation.upright(plane) for plane in planes)
        rows, columns = y.shape
        if (columns, rows) == self.size:
            return y, u, v
        self._fitted += 1
        return _fitted((y, u, v), self.size, self.color.full_range)

    def _native(self, picture: av.VideoFrame) -> Planes:
        """Planes of 8-bit 4:2:0 in our colours, as the picture lies."""
        color = output_color(picture)
        if has_alpha(picture):
            with_alpha = self._converted(picture, color, self.color, WITH_ALPHA)
            alpha = _view(with_alpha, 3)
            shown = self._tone_mapped(picture) if _is_hdr(picture) else with_alpha
            return self._opaque((_view(shown, 0), _view(shown, 1), _view(shown, 2)), alpha)
        if _is_hdr(picture):
            picture = self._tone_mapped(picture)
        if _is_gray(picture):
            return self._colored(picture)
        is_native = picture.format.name in NATIVE and color.full_range == self.color.full_range
        native = picture if is_native else self._converted(picture, color, self.color)
        return _view(native, 0), _view(native, 1), _view(native, 2)

    def _tone_mapped(self, picture: av.VideoFrame) -> av.VideoFrame:
        self._tones = self._tones or ToneMapper()
        return self._tones.mapped(picture)

    def _opaque(self, planes: Planes, alpha: Plane) -> Planes:
        if is_opaque(alpha):
            return planes
        self._has_filled = True
        return composited(planes, alpha, full_range=self.color.full_range)

    def _colored(self, picture: av.VideoFrame) -> Planes:
        """Gray as luma, bit by bit: libswscale takes gray for full range, whatever its tag says."""
        if picture.format.name != "gray":
            picture = self._reformatter.reformat(picture, format="gray")
        luma = _view(picture, 0)
        chroma = np.full(plane_shapes(luma.shape[1], luma.shape[0])[1], 128, np.uint8)
        chroma.setflags(write=False)
        return luma, chroma, chroma

    def _converted(
        self, picture: av.VideoFrame, color: ColorTags, wanted: ColorTags, to: str = "yuv420p"
    ) -> av.VideoFrame:
        is_full = color.full_range or _is_rgb(picture)
        return self._reformatter.reformat(
            picture,
            format=to,
            src_colorspace=_SWS_MATRIX.get(color.matrix, _SWS_MATRIX[BT601]),
            dst_colorspace=_SWS_MATRIX.get(wanted.matrix, _SWS_MATRIX[BT601]),
            src_color_range=JPEG_RANGE if is_full else MPEG_RANGE,
            dst_color_range=JPEG_RANGE if wanted.full_range else MPEG_RANGE,
            interpolation="AREA",
        )


def _is_hdr(picture: av.VideoFrame) -> bool:
    return int(picture.color_trc) in HDR_TRANSFERS


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
            plane,
            (inner[0] // part, inner[1] // part),
            interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR,
        )
        at = np.s_[top // part :, left // part :]
        room = whole[at][: small.shape[0], : small.shape[1]]
        room[:] = small[: room.shape[0], : room.shape[1]]
        whole.setflags(write=False)
        fitted.append(whole)
    y, u, v = fitted
    return y, u, v
