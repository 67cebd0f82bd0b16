"""The preview: a real window on a screen of its own, its keys, and what is written over it."""

from __future__ import annotations

from fractions import Fraction
from queue import Empty
from typing import TYPE_CHECKING, Any, cast

import cv2
import numpy as np
import pytest

from stream_anon.config import Redaction
from stream_anon.core.frame import ColorTags, Frame, StreamInfo
from stream_anon.core.redacted import _REDACTOR_KEY, DebugFrame, MaskedFrame, RedactedFrame, Unknown
from stream_anon.errors import SinkError
from stream_anon.redaction.redactor import Redactor
from stream_anon.sinks.window import overlay
from stream_anon.sinks.window.preview import PreviewSink, check_display
from tests.requirements import require_live
from tests.screen import PROGRAMS, Preview, Screen, StubWindow, open_screen
from tests.stubs import make_frame, yuv_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

pytestmark = [pytest.mark.slow, pytest.mark.realtime]

TITLE = "stream_anon test"
WIDTH, HEIGHT = 640, 360
INFO = StreamInfo("cam", WIDTH, HEIGHT, Fraction(1, 25), rate=Fraction(25), live=True)
GRAY, LIGHT = (128, 128, 128), (220, 220, 220)
RED_PILL, BLUE_PILL = np.array(overlay.RED), np.array(overlay.BLUE)
PATIENCE = 20.0


def colored(
    rgb: tuple[int, int, int],
    color: ColorTags | None = None,
    size: tuple[int, int] = (WIDTH, HEIGHT),
) -> Frame:
    tags = color or ColorTags()
    levels = yuv_of(np.array(rgb, np.uint8), matrix=tags.matrix, full_range=tags.full_range)
    y, u, v = (round(float(level)) for level in levels)
    return make_frame(*size, value=y, chroma=(u, v))


def redacted(frame: Frame, whole: Unknown | None = None) -> RedactedFrame:
    return Redactor(Redaction(), ColorTags()).redact(MaskedFrame(frame, whole or ()))


def debug_view(frame: Frame) -> DebugFrame:
    y, u, v = (plane.copy() for plane in frame.planes)
    return DebugFrame(_REDACTOR_KEY, (y, u, v), raw=None)


def has_color(picture: NDArray[np.uint8], color: NDArray[Any]) -> bool:
    near = (np.abs(picture.astype(int) - color) <= 6).all(axis=2)
    return int(near.sum()) > 60


# -- a real window ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def screen() -> Iterator[Screen]:
    require_live(*PROGRAMS)
    with open_screen() as opened:
        yield opened


@pytest.fixture
def opened(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[StreamInfo], Preview]]:
    """Opens previews; desktops ask Qt for platforms that OpenCV's wheel does not have."""
    monkeypatch.setenv("DISPLAY", screen.name)
    monkeypatch.setenv("QT_QPA_PLATFORM", "wayland")
    previews: list[Preview] = []

    def open_one(info: StreamInfo) -> Preview:
        previews.append(Preview(screen, TITLE, info))
        return previews[-1]

    yield open_one
    for preview in previews:
        preview.close()


@pytest.fixture
def preview(opened: Callable[[StreamInfo], Preview]) -> Preview:
    return opened(INFO)


def is_close(picture: NDArray[np.uint8], rgb: tuple[int, int, int]) -> bool:
    middle = picture[picture.shape[0] // 2, picture.shape[1] // 2].astype(int)
    return bool((np.abs(middle - np.array(rgb[::-1])) <= 3).all())


@pytest.mark.parametrize(
    "tags",
    [ColorTags(matrix=6), ColorTags(matrix=1), ColorTags(full_range=True, matrix=5)],
    ids=["BT.601", "BT.709", "full range"],
)
def test_colors_are_the_streams_own(
    opened: Callable[[StreamInfo], Preview], tags: ColorTags
) -> None:
    preview = opened(StreamInfo("cam", WIDTH, HEIGHT, Fraction(1, 25), color=tags))
    for rgb in ((200, 60, 40), (30, 160, 220)):
        preview.show(redacted(colored(rgb, tags)))
        preview.shows(lambda picture, rgb=rgb: is_close(picture, rgb))  # type: ignore[misc]


def test_space_freezes_the_picture_and_says_so(preview: Preview) -> None:
    preview.show(redacted(colored(GRAY)))
    preview.shows(lambda picture: is_close(picture, GRAY))
    preview.screen.press(preview.window, "space")
    assert preview.next() == ("key", "space")
    preview.shows(lambda picture: has_color(picture, BLUE_PILL))
    for _ in range(5):
        preview.show(redacted(colored(LIGHT)))
    preview.screen.press(preview.window, "m")
    assert preview.next() == ("key", "m")  # so the frames before it have been taken
    assert is_close(preview.screen.shot(preview.window), GRAY)
    preview.screen.press(preview.window, "space")
    preview.show(redacted(colored(LIGHT)))
    picture = preview.shows(lambda picture: is_close(picture, LIGHT))
    assert not has_color(picture, BLUE_PILL)


def test_keys_are_told_while_no_frame_comes(preview: Preview) -> None:
    keys = ["q", "m", "s", "plus", "minus", "equal", "KP_Add", "d", "r"]
    preview.screen.press(preview.window, *keys[:4], "Left", "F5", "x", "Escape", "Q", *keys[4:])
    told = [preview.next()[1] for _ in range(10)]
    assert told == ["q", "m", "s", "+", "q", "-", "+", "+", "d", "r"]


def test_the_window_fits_its_picture_to_a_new_size_without_a_new_frame(preview: Preview) -> None:
    preview.show(redacted(colored(LIGHT)))
    preview.shows(lambda picture: is_close(picture, LIGHT))
    preview.screen.resize(preview.window, 900, 400)
    picture = preview.shows(lambda picture: picture.shape[:2] == (400, 900))

    def bright(part: NDArray[np.uint8]) -> bool:
        return bool((np.abs(part.astype(int) - LIGHT[0]) <= 3).all())

    picture = preview.shows(lambda picture: bright(picture[:300, 110:790]))
    assert not bright(picture[:300, :80]), "the picture keeps its aspect"


def test_closing_the_window_is_told_once_and_opens_no_other(preview: Preview) -> None:
    preview.show(redacted(colored(GRAY)))
    preview.shows(lambda picture: is_close(picture, GRAY))
    preview.screen.close(preview.window)
    assert preview.next() == ("closed", "")
    for _ in range(5):
        preview.show(redacted(colored(LIGHT)))
    assert preview.child.end(10), "it ends well all the same"
    assert preview.next() == ("done", "")
    with pytest.raises(Empty):
        preview.told.get_nowait()
    assert not preview.screen.has(TITLE)


def test_a_debug_view_is_marked(preview: Preview) -> None:
    preview.show(redacted(colored(GRAY)))
    picture = preview.shows(lambda picture: is_close(picture, GRAY))
    assert not has_color(picture, RED_PILL)
    preview.show_debug(debug_view(colored(LIGHT)))
    picture = preview.shows(lambda picture: is_close(picture, LIGHT))
    assert has_color(picture, RED_PILL)


# -- no window --------------------------------------------------------------------------------


@pytest.mark.parametrize("display", ["", ":4711", "nonsense"])
def test_no_display_is_a_plain_error(display: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if not cv2.currentUIFramework().startswith("QT"):
        pytest.skip("this OpenCV has other windows than X11's")
    monkeypatch.setenv("DISPLAY", display)
    with pytest.raises(SinkError, match=r"display.*leave the preview out"):
        PreviewSink(INFO, title=TITLE, on_key=print, on_close=lambda: None)


def test_an_opencv_without_windows_is_a_plain_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "currentUIFramework", lambda: "")
    with pytest.raises(SinkError, match="pip install opencv-python"):
        check_display()


# -- what it takes ----------------------------------------------------------------------------


def sink(info: StreamInfo = INFO, **more: Any) -> tuple[PreviewSink, StubWindow]:
    window = StubWindow()

    def open_window(title: str, width: int, height: int) -> StubWindow:
        window.title, window.width, window.height = title, width, height
        return window

    silent: dict[str, Any] = {"on_key": lambda _: None, "on_close": lambda: None}
    return PreviewSink(info, title=TITLE, window=open_window, **(silent | more)), window


def test_debug_views_and_frames_are_not_taken_for_each_other() -> None:
    made, window = sink()
    with pytest.raises(TypeError, match="RedactedFrame"):
        made.send(debug_view(colored(GRAY)))  # type: ignore[arg-type]
    for thing in (redacted(colored(GRAY)), colored(GRAY)):
        with pytest.raises(TypeError, match="DebugFrame"):
            made.show_debug(cast("Any", thing))
    assert not window.shown


def test_another_size_is_refused() -> None:
    made, _ = sink()
    with pytest.raises(SinkError, match="is not 640x360"):
        made.send(redacted(colored(GRAY, size=(320, 180))))


@pytest.mark.parametrize(
    ("size", "aspect", "first"),
    [
        ((1920, 1080), Fraction(1), (1280, 720)),
        ((1280, 720), Fraction(1), (1280, 720)),
        ((640, 480), Fraction(1), (640, 480)),
        ((320, 180), Fraction(1), (640, 360)),
        ((720, 576), Fraction(16, 15), (720, 540)),
        ((1080, 1920), Fraction(1), (405, 720)),
        ((333, 331), Fraction(1), (640, 636)),
    ],
)
def test_pictures_have_the_streams_shape(
    size: tuple[int, int], aspect: Fraction, first: tuple[int, int]
) -> None:
    made, window = sink(StreamInfo("cam", *size, Fraction(1, 25), pixel_aspect=aspect))
    assert (window.width, window.height) == first
    made.send(redacted(colored(GRAY, size=size)))
    assert window.shown[-1].shape == (first[1], first[0], 3)


def test_an_idle_window_is_drawn_anew_only_if_something_has_changed() -> None:
    made, window = sink()
    made.idle()
    assert not window.shown, "there is no picture yet"
    made.send(redacted(colored(GRAY)))
    for _ in range(3):
        made.idle()
    assert len(window.shown) == 1
    made.overlay({"fps": 12.0})
    made.idle()
    assert len(window.shown) == 2
    made.overlay({})
    made.idle()
    assert len(window.shown) == 2


def test_nothing_is_shown_after_the_window_was_closed() -> None:
    closed: list[bool] = []
    made, window = sink(on_close=lambda: closed.append(True))
    window.is_open = False
    for _ in range(3):
        made.send(redacted(colored(GRAY)))
        made.idle()
    assert closed == [True]
    assert len(window.shown) == 0
    made.finish()
    made.close()
    assert closed == [True]
