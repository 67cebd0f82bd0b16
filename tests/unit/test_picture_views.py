"""The map of what detectors see lies over the redacted picture; raw pictures are for debug mode."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import cv2
import numpy as np
import pytest
import skimage.data

from stream_anon.audit.measure import LEAK, readable_share
from stream_anon.config import load_settings
from stream_anon.core.parts import Box, Part
from stream_anon.detectors.registry import BUILT_IN
from stream_anon.detectors.scopes import choose, with_parser
from stream_anon.errors import ConfigError, SourceError
from stream_anon.pipeline.picture import PictureRedactor
from stream_anon.pipeline.picture_views import OPACITY, View, color_of
from tests.stubs import FACE_OF_ASTRONAUT, StubParser

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

FAST = {"parsing.effort": "fast", "parsing.deep_side": 512}


def portrait() -> Picture:
    return np.asarray(cast(Any, skimage.data.astronaut)()[..., ::-1], np.uint8)


def file_of(picture: Picture) -> bytes:
    return cv2.imencode(".png", picture)[1].tobytes()


def view_of(data: bytes, view: View, **settings: Any) -> tuple[Picture, tuple[Part, ...]]:
    with PictureRedactor(load_settings(None, {**FAST, **settings})) as redactor:
        photo = redactor.redact_photo(data, view=view)
    assert photo.media_type == "image/png"
    found = cv2.imdecode(np.frombuffer(photo.data, np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(found, np.uint8), photo.parts


def leak(after: Picture) -> float:
    box = FACE_OF_ASTRONAUT
    gray = [cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY) for picture in (portrait(), after)]
    before, now = (np.asarray(picture, np.uint8) for picture in gray)
    share = readable_share(before, now, (box.x, box.y, box.x + box.width, box.y + box.height))
    assert share is not None
    return share


def test_a_map_shows_the_parts_in_the_colours_of_their_labels() -> None:
    shown, parts = view_of(file_of(portrait()), View.MAP)
    assert {"face", "head", "eyes", "nose", "mouth"} <= {part.label for part in parts}
    assert leak(shown) < LEAK
    head = max(parts, key=lambda part: part.box.area)
    x, y = head.box.x + head.box.width / 2, head.box.y + 0.2 * head.box.height
    hue = cv2.cvtColor(shown, cv2.COLOR_BGR2HSV)[int(y), int(x), 0]
    own = cv2.cvtColor(np.array([[color_of("head")[::-1]]], np.uint8), cv2.COLOR_BGR2HSV)[0, 0, 0]
    assert abs(int(hue) - int(own)) <= 12
    assert color_of("head") != color_of("face")


def test_a_map_of_a_method_that_hides_little_hides_as_much_as_the_method() -> None:
    """What is below the colours is the redacted picture, whatever is hidden in it."""
    filled = {"redaction.method": "fill", "redaction.color": "#000000", "redaction.scope": "head"}
    shown, parts = view_of(file_of(portrait()), View.MAP, **filled)
    head = max(parts, key=lambda part: part.box.area)
    x, y = int(head.box.x + head.box.width / 2), int(head.box.y + 0.2 * head.box.height)
    patch = shown[y - 3 : y + 4, x - 3 : x + 4].astype(int)
    assert patch.std(axis=(0, 1)).max() < 3  # nothing of hair and background is left in it


def test_a_parser_adds_its_parts_to_the_map_and_to_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hair = Part("hair", Box(100, 300, 200, 100), np.full((8, 8), 255, np.uint8), 0.9, 0)
    stub = StubParser(lambda *_: [hair])
    stub.labels = BUILT_IN["m2fp"].labels
    parser = replace(BUILT_IN["m2fp"], load=lambda _: stub, is_installed=lambda: True)
    monkeypatch.setitem(BUILT_IN, "m2fp", parser)
    shown, parts = view_of(file_of(portrait()), View.MAP)
    assert {"hair", "face"} <= {part.label for part in parts}
    mixed = (1 - OPACITY) * portrait()[340, 200] + OPACITY * np.array(color_of("hair")[::-1])
    assert np.abs(shown[340, 200] - mixed).max() < 12
    with PictureRedactor(load_settings(None, FAST)) as redactor:
        hidden = redactor.redact_photo(file_of(portrait())).parts
    assert {part.label for part in hidden} == {"face"}


def test_a_parser_is_added_where_it_is_installed_and_none_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    faces = choose("centerface", "face")
    monkeypatch.setitem(BUILT_IN, "m2fp", replace(BUILT_IN["m2fp"], is_installed=lambda: False))
    assert with_parser(faces) == faces
    monkeypatch.setitem(BUILT_IN, "m2fp", replace(BUILT_IN["m2fp"], is_installed=lambda: True))
    both = with_parser(faces)
    assert [row.name for row in both] == ["m2fp", "centerface"]
    assert with_parser(both) == both


def test_a_raw_picture_is_for_debug_mode_and_has_a_banner() -> None:
    with pytest.raises(ConfigError, match="debug"):
        view_of(file_of(portrait()), View.RAW)
    shown, parts = view_of(file_of(portrait()), View.RAW, **{"live.mode": "debug"})
    assert parts == ()
    assert leak(shown) > LEAK
    assert np.abs(shown[:16].astype(int) - portrait()[:16]).mean() > 20


def test_more_pixels_than_allowed_are_refused() -> None:
    with PictureRedactor(load_settings(None, FAST)) as redactor:
        data = file_of(portrait())
        with pytest.raises(SourceError, match=r"more than 0\.2 million pixels"):
            redactor.redact_photo(data, most_pixels=200_000)
        assert redactor.redact_photo(data, most_pixels=512 * 512).data
