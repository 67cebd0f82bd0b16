"""Pictures that are stored in pieces: HEIF tiles, and transparency in a picture of its own."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import av
import av.error
import numpy as np

from stream_anon.core.demuxers import demux
from stream_anon.errors import SourceError
from stream_anon.sources.decoding.heif import CODED, Heif, is_animated, is_heif
from stream_anon.sources.decoding.orientation import Orientation

if TYPE_CHECKING:
    from av.container import InputContainer
    from numpy.typing import NDArray

MOST_PIXELS = 1 << 29
UNIT = Fraction(1, 25)


def assembled(container: InputContainer, data: BinaryIO, name: str) -> av.VideoFrame | None:
    """The whole picture of a HEIF file, upright, where it is stored in pieces.

    Args:
        container: the file, of which nothing has been read yet.
        data: the file's bytes.
        name: of the file, for errors.

    Returns: None where FFmpeg gives the whole picture by itself.

    Raises:
        SourceError: a piece is missing, or it is made in a way that is not known here.
    """
    if not is_heif(container):
        return None
    if is_animated(container):
        _check_sequence(container, name)
        return None
    try:
        heif = Heif.read(data)
    except (ValueError, IndexError, KeyError) as error:
        raise _damaged(name) from error
    if heif is None or not heif.primary:
        return None
    kind, alpha = heif.kinds.get(heif.primary, b""), heif.alpha_of(heif.primary)
    if kind in CODED and alpha is None:
        return None if len(container.streams.video) == 1 else _Pieces(container, heif, name).whole()
    if kind not in CODED and kind != b"grid":
        raise SourceError(
            f"{name} is made of other pictures in a way that is not supported "
            f"({kind.decode('ascii', 'replace')!r}): export it as PNG or JPEG first"
        )
    return _Pieces(container, heif, name).whole()


def _check_sequence(container: InputContainer, name: str) -> None:
    if sum(stream.duration is not None for stream in container.streams.video) > 1:
        raise SourceError(
            f"{name} is animated and transparent, which is not supported: convert it to APNG, GIF "
            "or a video first"
        )


def _damaged(name: str) -> SourceError:
    return SourceError(f"{name} is damaged or cut short: a part of the picture is missing")


class _Pieces:
    """The decoded items of one file."""

    def __init__(self, container: InputContainer, heif: Heif, name: str) -> None:
        self._heif, self._name = heif, name
        self._decoded: dict[int, av.VideoFrame] = {}
        wanted = self._needed(heif.primary)
        if (alpha := heif.alpha_of(heif.primary)) is not None:
            wanted += self._needed(alpha)
        streams = [s for s in container.streams.video if s.id in wanted and s.duration is None]
        try:
            for packet in demux(container, *streams):
                for picture in packet.decode():
                    self._decoded[packet.stream.id] = picture
        except (av.error.FFmpegError, ValueError) as error:
            raise _damaged(name) from error

    def _needed(self, item: int) -> list[int]:
        return self._heif.parts.get(item, []) if item in self._heif.grids else [item]

    def whole(self) -> av.VideoFrame:
        """The picture, with its transparency."""
        item = self._heif.primary
        picture = self._upright(item)
        alpha = self._heif.alpha_of(item)
        whole = picture if alpha is None else self._with_alpha(picture, self._upright(alpha))
        whole.pts, whole.time_base = 0, UNIT
        return whole

    def _piece(self, item: int) -> av.VideoFrame:
        picture = self._decoded.get(item)
        if picture is None or cast("Any", picture).is_corrupt:
            raise _damaged(self._name)
        name = picture.format.name
        return picture.reformat(format=name.replace("422", "444")) if "422" in name else picture

    def _upright(self, item: int) -> av.VideoFrame:
        grid = self._heif.grids.get(item)
        if grid is None:
            picture = self._piece(item)
            size, planes = (picture.width, picture.height), _planes(picture)
            orientation = Orientation.of(self._decoded[item])
        else:
            picture, size, planes = self._tiled(item)
            orientation = self._heif.orientation_of(item)
        turned = [orientation.upright(plane) for plane in planes]
        if orientation.transposed:
            size = size[1], size[0]
        return _made(picture, size, turned)

    def _tiled(self, item: int) -> tuple[av.VideoFrame, tuple[int, int], list[NDArray[Any]]]:
        """The first tile, and size and planes of all together."""
        grid, parts = self._heif.grids[item], self._needed(item)
        pieces = [self._piece(part) for part in parts]
        rows, columns = grid.rows, grid.columns
        if len(pieces) != rows * columns or grid.width * grid.height > MOST_PIXELS:
            raise _damaged(self._name)
        first = pieces[0]
        if any(_shape(piece) != _shape(first) for piece in pieces):
            raise _damaged(self._name)
        if first.width * columns < grid.width or first.height * rows < grid.height:
            raise _damaged(self._name)
        tiles = [_planes(piece) for piece in pieces]
        planes = []
        for number, (plane, like) in enumerate(zip(tiles[0], first.planes, strict=True)):
            lines = [
                np.hstack([tile[number] for tile in tiles[row * columns :][:columns]])
                for row in range(rows)
            ]
            across, down = round(first.width / like.width), round(first.height / like.height)
            whole = np.vstack(lines) if plane.size else plane
            planes.append(whole[: -(-grid.height // down), : -(-grid.width // across)])
        return first, (grid.width, grid.height), planes

    def _with_alpha(self, picture: av.VideoFrame, alpha: av.VideoFrame) -> av.VideoFrame:
        if (picture.width, picture.height) != (alpha.width, alpha.height):
            raise _damaged(self._name)
        color = picture.reformat(format="yuv420p")
        opaque = _planes(alpha.reformat(format="gray"))[0]
        whole = av.VideoFrame(picture.width, picture.height, "yuva420p")
        _fill(whole, [*_planes(color), opaque])
        return _tagged(whole, picture)


def _shape(picture: av.VideoFrame) -> tuple[int, int, str]:
    return picture.width, picture.height, picture.format.name


def _planes(picture: av.VideoFrame) -> list[NDArray[Any]]:
    """The planes as numbers, of one or two bytes each."""
    planes = []
    for plane in picture.planes:
        rows = np.frombuffer(cast("Any", plane), np.uint8).reshape(-1, plane.line_size)
        deep = picture.format.components[0].bits > 8
        numbers = rows.view(np.uint16) if deep else rows
        planes.append(numbers[: plane.height, : plane.width])
    return planes


def _made(like: av.VideoFrame, size: tuple[int, int], planes: list[NDArray[Any]]) -> av.VideoFrame:
    picture = av.VideoFrame(*size, like.format.name)
    _fill(picture, planes)
    return _tagged(picture, like)


def _fill(picture: av.VideoFrame, planes: list[NDArray[Any]]) -> None:
    for target, numbers in zip(picture.planes, planes, strict=True):
        room = np.frombuffer(cast("Any", target), np.uint8).reshape(-1, target.line_size)
        room.view(numbers.dtype)[: target.height, : target.width] = numbers


def _tagged(picture: av.VideoFrame, like: av.VideoFrame) -> av.VideoFrame:
    picture.color_range, picture.colorspace = like.color_range, like.colorspace
    picture.color_primaries, picture.color_trc = like.color_primaries, like.color_trc
    return picture
