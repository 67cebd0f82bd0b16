"""The page of reviews in a real browser: edits with mouse and keys, rendered and measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from footage import make_footage

from tests.runs import lumas
from tests.web.browser import Visit, chromium, served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from footage import Footage

pytestmark = [pytest.mark.slow, pytest.mark.realtime]
CORNER = (slice(20, 90), slice(20, 90))
"""Of the picture, where there is nobody."""


class Review:
    """A video that was sent for review, and its page."""

    def __init__(self, visit: Visit, footage: Footage, folder: Path) -> None:
        self.visit, self.page, self.footage, self.folder = visit, visit.page, footage, folder
        visit.log_in()
        visit.open("/files")
        self.page.select_option("[name=method]", "fill")
        self.page.select_option("[name=audio]", "copy")  # else there is nothing to mute
        self.page.check("[name=review]")
        self.page.set_input_files("#file", footage.path)
        self.page.get_by_role("link", name="Review").click()
        self.page.locator(".lane").first.wait_for()
        self.job = self.page.url.rpartition("/")[2]

    def edits(self) -> list[dict[str, Any]]:
        answer = self.page.request.get(f"{self.visit.address}/api/v1/reviews/{self.job}/edits")
        return list(answer.json()["edits"])

    def wait_for_edits(self, count: int) -> list[dict[str, Any]]:
        """Edits as the page shows them, once there are so many."""
        self.visit.wait_until(
            f"document.querySelectorAll('#edits li[data-kind]').length == {count}"
        )
        found = self.edits()
        assert len(found) == count
        return found

    def seek(self, frame: int) -> None:
        """With the keyboard, from the beginning."""
        self.page.locator("#boxes").focus()
        self.page.keyboard.press("Home")
        for _ in range(frame):
            self.page.keyboard.press("ArrowRight")
        self.visit.wait_until(f"document.getElementById('frame').alt == 'Frame {frame}'")

    def choose(self) -> None:
        """Whoever is in the frame."""
        self.page.keyboard.press(".")
        self.page.locator("#boxes .box.chosen").wait_for()

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """On the picture, in shares of it."""
        box = self.page.locator("#boxes").bounding_box()
        assert box is not None
        places = [
            (box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (start, end)
        ]
        self.page.mouse.move(*places[0])
        self.page.mouse.down()
        self.page.mouse.move(*places[1], steps=4)
        self.page.mouse.up()

    def rendered(self) -> Path:
        """The result after rendering again."""
        self.page.get_by_role("button", name="Render again").click()
        self.page.locator("#said", has_text="Rendered again").wait_for()
        with self.page.expect_download() as download:
            self.page.get_by_role("link", name="Download").click()
        path = self.folder / "again.mp4"
        download.value.save_as(path)
        return path


@pytest.fixture(scope="module")
def review(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Review]:
    folder = tmp_path_factory.mktemp("review")
    footage = make_footage(folder / "visit.mp4", width=640, height=360, seconds=5.0, rate=12)
    with chromium() as browser, served(folder) as address, Visit(browser, address) as visit:
        yield Review(visit, footage, folder)


def face(picture: np.ndarray, footage: Footage, frame: int) -> np.ndarray:
    x1, y1, x2, y2 = (round(value) for value in next(iter(footage.faces[frame].values())))
    return picture[y1 + 8 : y2 - 8, x1 + 8 : x2 - 8].astype(int)


def test_somebody_is_kept_a_box_is_added_and_both_are_in_the_result(review: Review) -> None:
    page = review.page
    review.seek(8)
    review.choose()
    page.keyboard.press("i")
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("o")
    page.get_by_text("frames 8 to 12", exact=True).first.wait_for()
    page.get_by_label("Reason").fill("consent on file")
    page.locator("#boxes").focus()
    page.keyboard.press("k")
    (keep,) = review.wait_for_edits(1)
    assert {"kind", "track", "from", "to", "reason"} == keep.keys()
    assert (keep["kind"], keep["from"], keep["to"]) == ("keep", 8, 12)
    assert keep["reason"] == "consent on file"
    page.keyboard.press("w")
    page.get_by_label("Reason").fill("")

    review.seek(2)
    page.keyboard.press("b")
    review.drag((20 / 640, 20 / 360), (90 / 640, 90 / 360))
    _, box = review.wait_for_edits(2)
    assert (box["kind"], box["keys"][0]["frame"]) == ("box", 2)
    assert box["keys"][0]["box"] == pytest.approx([20, 20, 70, 70], abs=2)
    review.seek(10)
    page.get_by_role("button", name="Extend to here").click()
    review.visit.wait_until("document.querySelector('#edits').textContent.includes('2 keys')")

    result = review.rendered()
    found = lumas(result, {5, 8, 10, 30})
    before = lumas(review.footage.path, {5, 10, 30})
    for frame in (5, 10):
        assert found[frame][CORNER][6:-6, 6:-6].std() < 4, "the box by hand"
    assert found[30][CORNER].std() > 4
    shown, raw = (face(one[10], review.footage, 10) for one in (found, before))
    assert abs(shown - raw).mean() < 6, "who is kept is clear in the range"
    assert face(found[30], review.footage, 30).std() < 6, "and hidden elsewhere"


def test_a_box_is_moved_with_the_mouse_and_with_keys_and_joined_between(review: Review) -> None:
    page = review.page
    before = len(review.edits())
    review.seek(20)
    review.choose()
    page.get_by_role("button", name="Move its box").click()
    chosen = page.locator("#boxes .box.chosen")
    x, y, width, height = (
        float(chosen.get_attribute(n) or 0) for n in ("x", "y", "width", "height")
    )
    middle = (x + width / 2) / 640, (y + height / 2) / 360
    review.drag(middle, (middle[0] + 0.1, middle[1]))
    moved = review.wait_for_edits(before + 1)[-1]
    assert moved["kind"] == "box"
    assert moved["keys"][0]["box"] == pytest.approx([x + 64, y, width, height], abs=3)
    page.keyboard.press("Enter")
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    review.visit.wait_until("document.getElementById('frame').alt == 'Frame 24'")
    page.locator("#boxes .box.chosen").wait_for()
    page.keyboard.press("e")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Enter")
    page.locator("#said", has_text="joined from frame 20 to 24").wait_for()
    keys = review.edits()[-1]["keys"]
    assert [key["frame"] for key in keys] == [20, 24]
    assert keys[1]["box"][1] > y - 30
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    review.wait_for_edits(before)
    page.keyboard.press("Control+y")
    review.wait_for_edits(before + 1)
    page.keyboard.press("Control+z")
    review.wait_for_edits(before)


def test_zones_and_mutes_and_what_will_be(review: Review) -> None:
    page = review.page
    before = len(review.edits())
    review.seek(4)
    page.keyboard.press("z")
    for keys in (["ArrowLeft"] * 3, ["ArrowRight"] * 6, ["ArrowUp"] * 6, []):
        for key in keys:
            page.keyboard.press(key)
        page.keyboard.press("Enter")
    zone = review.wait_for_edits(before + 1)[-1]
    assert zone["kind"] == "zone"
    assert len(zone["points"]) == 3
    page.keyboard.press("m")
    assert review.wait_for_edits(before + 2)[-1] == {"kind": "mute"}
    with page.expect_response(lambda answer: "redacted=true" in answer.url) as answered:
        page.keyboard.press("v")
    assert answered.value.headers["content-type"] == "image/jpeg"
    page.keyboard.press("v")
    page.get_by_role("button", name="Remove this edit").first.click()
    review.wait_for_edits(before + 1)


def test_a_click_on_the_timeline_goes_there_and_selects(review: Review) -> None:
    page = review.page
    lane = page.locator(".lane[data-track]").last
    track = lane.locator(".track")
    box = track.bounding_box()
    assert box is not None
    track.click(position={"x": box["width"] / 2, "y": 5})
    review.visit.wait_until("document.getElementById('frame').alt == 'Frame 30'")
    assert "chosen" in (lane.get_attribute("class") or "")
    assert lane.locator("button").get_attribute("aria-pressed") == "true"


def test_somebody_elses_change_is_loaded_and_not_written_over(review: Review) -> None:
    page = review.page
    place = f"{review.visit.address}/api/v1/reviews/{review.job}/edits"
    origin = {"origin": review.visit.address}
    etag = page.request.get(place).headers["etag"]
    other = [{"kind": "mute", "from": 1, "to": 2}]
    answer = page.request.put(place, data=other, headers={**origin, "if-match": etag})
    assert answer.ok
    page.locator("#boxes").focus()
    page.keyboard.press("m")
    page.locator("#said", has_text="Somebody has changed").wait_for()
    assert review.edits() == other
