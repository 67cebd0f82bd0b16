"""Pictures in memory: the face is hidden, the format stays, and a failure returns nothing."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, cast

import av
import cv2
import numpy as np
import pytest
import skimage.data

import stream_anon
from stream_anon.audit.measure import LEAK, readable_share
from stream_anon.detectors.centerface import CenterFace
from stream_anon.errors import ConfigError, ParserError, SourceError
from tests.stubs import FACE_OF_ASTRONAUT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    stream_anon.close_pictures()


def portrait() -> Picture:
    return np.asarray(cast(Any, skimage.data.astronaut)(), np.uint8)


def gray(picture: Picture) -> Picture:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)


def leak(before: Picture, after: Picture) -> float:
    box = FACE_OF_ASTRONAUT
    corners = box.x, box.y, box.x + box.width, box.y + box.height
    share = readable_share(gray(before), gray(after), corners)
    assert share is not None
    return share


def encoded(picture: Picture, ending: str) -> bytes:
    done, data = cv2.imencode(ending, picture[..., ::-1])
    assert done
    return data.tobytes()


def decoded(data: bytes) -> Picture:
    with av.open(io.BytesIO(data), "r") as container:
        return np.asarray(next(container.decode(video=0)).to_ndarray(format="rgb24"), np.uint8)


@pytest.mark.parametrize("cut", [0, 1])
def test_the_face_is_hidden_and_the_rest_is_kept(cut: int) -> None:
    picture = np.ascontiguousarray(portrait()[: 512 - cut, : 512 - cut])
    kept = picture.copy()
    redacted = stream_anon.redact_picture(picture)
    assert redacted.shape == picture.shape
    assert redacted.dtype == np.uint8
    assert np.array_equal(picture, kept)
    assert leak(picture, picture) > LEAK
    assert leak(picture, redacted) < LEAK
    assert np.abs(redacted[300:].astype(int) - picture[300:]).mean() < 6


def test_a_face_that_fills_a_large_picture_is_hidden() -> None:
    """It is larger than any that the network finds as one at that size."""
    left, top, side = 160, 58, 130
    cut = portrait()[top : top + side, left : left + side]
    picture = np.asarray(cv2.resize(cut, (1800, 1800), interpolation=cv2.INTER_CUBIC), np.uint8)
    redacted = stream_anon.redact_picture(picture)
    before, after = (cv2.resize(p, (side, side), interpolation=cv2.INTER_AREA) for p in
                     (picture, redacted))  # fmt: skip
    box = FACE_OF_ASTRONAUT.moved(-left, -top)
    corners = box.x, box.y, box.x + box.width, min(box.y + box.height, float(side))
    share = readable_share(gray(np.asarray(before)), gray(np.asarray(after)), corners)
    assert share is not None
    assert share < LEAK


@pytest.mark.parametrize("ending", [".jpg", ".png", ".webp"])
def test_a_file_stays_of_its_format(ending: str) -> None:
    picture = np.ascontiguousarray(portrait()[:511, :511])
    data = encoded(picture, ending)
    redacted = stream_anon.redact_picture(data)
    assert redacted[:3] == data[:3]
    after = decoded(redacted)
    assert after.shape == picture.shape
    assert leak(decoded(data), after) < LEAK


def test_a_turned_photo_comes_back_upright_and_without_exif() -> None:
    picture = np.ascontiguousarray(portrait()[:, :480])
    data = encoded(np.ascontiguousarray(np.rot90(picture)), ".jpg")
    entry = b"\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00"  # turn it clockwise
    exif = b"Exif\0\0MM\x00*\x00\x00\x00\x08\x00\x01" + entry + b"\0\0\0\0"
    turned = data[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + data[2:]
    redacted = stream_anon.redact_picture(turned)
    after = decoded(redacted)
    assert after.shape == picture.shape
    assert np.abs(after[300:].astype(int) - picture[300:]).mean() < 10
    assert leak(picture, after) < LEAK
    assert b"Exif" not in redacted


def test_the_detector_is_loaded_once_for_all_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    loads: list[object] = []
    real = CenterFace.__init__

    def noted(self: CenterFace, *args: Any, **more: Any) -> None:
        loads.append(self)
        real(self, *args, **more)

    monkeypatch.setattr(CenterFace, "__init__", noted)
    picture = portrait()
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(stream_anon.redact_picture, [picture] * 4))
    assert len(loads) == 1
    assert all(np.array_equal(answers[0], answer) for answer in answers)
    assert leak(picture, answers[0]) < LEAK


@pytest.mark.parametrize(
    "thing",
    [np.zeros((64, 64), np.uint8), np.zeros((64, 64, 3)), np.zeros((8, 64, 3), np.uint8), "x.jpg"],
)
def test_what_is_no_picture_is_a_config_error(thing: Any) -> None:
    with pytest.raises(ConfigError):
        stream_anon.redact_picture(thing)


@pytest.mark.parametrize("data", [b"", b"GIF89a", encoded(portrait(), ".png")[:3000]])
def test_bytes_that_are_no_whole_picture_are_a_source_error(data: bytes) -> None:
    with pytest.raises(SourceError):
        stream_anon.redact_picture(data)


def test_a_failure_of_any_kind_is_an_error_of_the_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(CenterFace, "parse", broken)
    with pytest.raises(ParserError):
        stream_anon.redact_picture(portrait())
