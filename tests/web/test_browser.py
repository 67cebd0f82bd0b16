"""The pages in a real browser: logging in, sending files, cameras, other languages and sizes."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from footage import make_footage

from tests.feeds import Feed, steady
from tests.runs import lumas
from tests.web.browser import VIEWER, Visit, chromium, served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from footage import Footage
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.slow, pytest.mark.realtime]
PHONE = {"width": 390, "height": 760}


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    path = tmp_path_factory.mktemp("footage") / "visit.mp4"
    return make_footage(path, width=640, height=360, seconds=5.0, rate=12)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def address(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("server")) as address:
        yield address


@pytest.fixture
def visit(browser: Browser, address: str) -> Iterator[Visit]:
    """An operator who is logged in."""
    with Visit(browser, address) as visit:
        visit.log_in()
        yield visit


def test_logging_in_and_out(browser: Browser, address: str) -> None:
    with Visit(browser, address) as visit:
        visit.log_in(VIEWER)
        page = visit.page
        assert page.locator("#add").count() == 0
        assert page.evaluate("document.cookie") == ""
        page.get_by_role("button", name="Log out").click()
        visit.open("/files")
        assert page.url == f"{address}/login"
        page.fill("#token", "wrong" * 6)
        page.keyboard.press("Enter")
        assert page.get_by_role("alert").inner_text().startswith("This token is not known")


def test_a_video_is_sent_watched_and_comes_back_redacted(
    visit: Visit, footage: Footage, tmp_path: Path
) -> None:
    page = visit.page
    visit.open("/files")
    page.select_option("[name=method]", "fill")
    page.set_input_files("#file", footage.path)
    job = page.locator(".job")
    job.get_by_role("progressbar").wait_for()
    job.locator(".figures", has_text="of 60 frames").wait_for()
    page.locator(".job.done").wait_for()
    with page.expect_download() as download:
        job.get_by_role("link", name="Result").click()
    assert download.value.suggested_filename == "visit_redacted.mp4"
    download.value.save_as(tmp_path / "result.mp4")
    assert is_hidden(footage, tmp_path / "result.mp4", 8)
    job.get_by_role("button", name="Before and after").click()
    visit.wait_until("[...document.querySelectorAll('video')].every(v => v.readyState > 1)")
    page.get_by_role("slider").press("Home")
    assert page.evaluate("document.querySelector('.sides').style.getPropertyValue('--cut')") == "0%"
    job.get_by_role("button", name="Delete").click()
    page.get_by_text("Nothing here yet").wait_for()


def test_a_file_is_dropped_that_is_no_picture_and_another_one_cancelled(
    visit: Visit, footage: Footage
) -> None:
    page = visit.page
    visit.open("/files")
    page.set_input_files("#file", footage.path)
    dropped = page.evaluate_handle(
        """() => {
            const data = new DataTransfer();
            data.items.add(new File(["no picture at all"], "notes.jpg"));
            return data;
        }"""
    )
    page.dispatch_event("#drop", "drop", {"dataTransfer": dropped})
    page.locator("#said", has_text="notes.jpg").wait_for()
    page.get_by_role("button", name="Cancel").click()
    page.locator(".job.cancelled").wait_for()
    page.get_by_role("button", name="Delete").click()
    page.get_by_text("Nothing here yet").wait_for()


def is_hidden(footage: Footage, result: Path, frame: int) -> bool:
    """Whether the inner part of each face of a frame is one colour there, and was not before."""
    before, after = (lumas(path, {frame})[frame].astype(int) for path in (footage.path, result))
    for face in footage.faces[frame].values():
        x1, y1, x2, y2 = (round(value) for value in face)
        inside = slice(y1 + 8, y2 - 8), slice(x1 + 8, x2 - 8)
        assert before[inside].std() > 10
        if after[inside].std() > 4:
            return False
    return bool(footage.faces[frame])


def test_a_camera_is_added_seen_changed_and_removed(
    visit: Visit, footage: Footage, tmp_path: Path
) -> None:
    page = visit.page
    stream = tmp_path / "stream.ts"
    make_footage(stream, width=320, height=180, seconds=10.0, rate=8)
    with Feed(steady(stream, stream, stream, stream)) as feed:
        page.get_by_role("button", name="Add a camera").click()
        page.get_by_label("Name").fill("Front door")
        page.get_by_label("Address").fill(feed.url)
        page.keyboard.press("Enter")
        tile = page.get_by_role("article", name="Front door")
        tile.locator(".state.live").wait_for()
        visit.wait_until("document.querySelector('.tile img').naturalWidth > 0")
        pictures = {_seen(visit).tobytes()}
        deadline = monotonic() + 20
        while len(pictures) < 3:
            pictures.add(_seen(visit).tobytes())
            assert monotonic() < deadline, "the picture does not move"
        tile.locator(".plot .fps").wait_for()
        assert float(tile.locator("dd").first.inner_text()) > 1
        tile.get_by_role("button", name="Settings").click()
        page.get_by_label("How to hide it").select_option("fill")
        page.keyboard.press("Enter")
        page.locator("#camera").wait_for(state="hidden")
        tile.get_by_role("button", name="Settings").click()
        _draw_zone_with_keys(visit)
        page.keyboard.press("Escape")
        while not _is_filled(_seen(visit)):
            page.wait_for_timeout(100)
        tile.get_by_role("button", name="Stop").click()
        tile.locator(".state.stopped").wait_for()
        assert tile.locator("img").is_hidden()
        page.once("dialog", lambda dialog: dialog.accept())
        tile.get_by_role("button", name="Remove").click()
        page.get_by_text("No cameras yet").wait_for()


def _seen(visit: Visit) -> np.ndarray:
    """The picture of the first tile, as it is on the screen."""
    data = visit.page.locator(".tile .picture").first.screenshot()
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert found is not None
    return np.asarray(found, np.uint8)


def _is_filled(picture: np.ndarray) -> bool:
    """Whether the zone that was drawn has the colour of the method fill."""
    y, x = (round(share * side) for share, side in zip((0.446, 0.526), picture.shape, strict=True))
    patch = picture[y - 3 : y + 4, x - 3 : x + 4].astype(int)
    return bool(patch.std() < 4 and abs(patch.mean() - 32) < 12)


def _draw_zone_with_keys(visit: Visit) -> None:
    page = visit.page
    canvas = page.get_by_role("application")
    canvas.focus()
    for keys in (["ArrowLeft"] * 4, ["ArrowRight"] * 8, ["ArrowUp"] * 8):
        for key in keys:
            page.keyboard.press(key)
        page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    page.get_by_text("Zone 1 · always hidden").wait_for()


def test_the_page_speaks_chinese(browser: Browser, address: str) -> None:
    with Visit(browser, address, locale="zh-CN") as visit:
        visit.log_in()
        page = visit.page
        assert page.evaluate("document.documentElement.lang") == "zh-Hans"
        assert page.get_by_role("heading", level=1).inner_text() == "实时画面"
        page.get_by_text("还没有摄像头").wait_for()
        visit.open("/help")
        assert "审阅" in page.inner_text("main")
        page.get_by_role("link", name="English").click()
        assert page.get_by_role("heading", level=1).inner_text() == "Help"


def test_a_phone_needs_no_scrolling_sideways(browser: Browser, address: str) -> None:
    with Visit(browser, address, viewport=PHONE, has_touch=True) as visit:
        visit.log_in()
        for place in ("/", "/files", "/log", "/help"):
            visit.open(place)
            visit.page.get_by_role("heading", level=1).wait_for()
            assert visit.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_everything_is_reached_with_the_keyboard(visit: Visit) -> None:
    page = visit.page
    visit.open("/files")
    reached = set()
    for _ in range(20):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                "(e => e.name || e.id || e.getAttribute('href') || e.textContent.trim())"
                "(document.activeElement)"
            )
        )
    assert {
        "#content",
        "/",
        "/files",
        "/log",
        "/help",
        "file",
        "scope",
        "method",
        "audio",
    } <= reached
    assert {"audit", "review", "Log out"} <= reached
