"""The page of an audit: one file, safe to open, with every exposure to be seen."""

from __future__ import annotations

import re
from array import array
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from stream_anon.audit.charts import COLUMNS, LEFT, WIDTH, line_chart, timeline
from stream_anon.audit.comparing import Counts, Course, Thumbnail
from stream_anon.audit.findings import Findings
from stream_anon.audit.leftovers import Leftovers
from stream_anon.audit.page import page
from stream_anon.audit.people import Person, State

NASTY = '<script>alert("x")</script>\x1b[31m&.mp4'
SHA = "ab" * 32


def findings(frames: int = 100, shown: tuple[int, ...] = (7,), people: int = 2) -> Findings:
    everybody = []
    for number in range(people):
        person = Person(np.arange(frames, dtype=np.int32), np.ones((frames, 4), np.float32))
        person.state[:] = State.HIDDEN
        person.share[:] = 0.02
        if number == 0:
            person.state[list(shown)] = State.EXPOSED
            person.share[list(shown)] = 0.8
        everybody.append(person)
    times = array("d", [index / 25 for index in range(frames)])
    course = Course(times, array("f", [0.0] * frames), array("f", [0.0] * frames))
    for frame in shown:
        course.worst[frame] = 0.8
    return Findings(
        everybody,
        [],
        Counts(original=frames, redacted=frames, compared=frames),
        course,
        Leftovers([NASTY], ["sound (aac)"]),
        by_time=True,
        delay=0.0,
        thumbnails=[Thumbnail(0.8, frame, 0, b"jpeg") for frame in shown],
        notes=[NASTY],
    )


def text_of(found: Findings) -> str:
    record = {
        "original": {"name": NASTY, "sha256": SHA},
        "redacted": {"name": NASTY, "sha256": SHA},
        "settings_sha256": SHA,
        "detector": {"name": "stub", "model_sha256": SHA},
        "program": {"version": "1", "sha256": SHA},
    }
    return "".join(page(found, record))


class _Tags(HTMLParser):
    """Every tag of a page, and whether they are nested properly."""

    VOID = ("meta", "img", "br")
    OPTIONAL = ("th", "td")

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.add(tag)
        if tag not in (*self.VOID, *self.OPTIONAL):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.OPTIONAL:
            assert self.open.pop() == tag


def test_names_from_outside_are_text() -> None:
    text = text_of(findings())
    tags = _Tags()
    tags.feed(text)
    assert tags.open == []
    assert "script" not in tags.seen
    assert "\x1b" not in text
    assert text.count("&lt;script&gt;") >= 3


def test_nothing_is_loaded_from_elsewhere() -> None:
    text = text_of(findings())
    assert "default-src 'none'" in text
    assert not re.search(r"(https?:)?//\w", text)
    assert set(re.findall(r'(?:src|href)="([^:"]*)', text)) == {"data"}
    assert not re.search(r"@import|url\(", text)


def red_spans(svg: str) -> list[tuple[float, float]]:
    root = ET.fromstring(svg)
    return [
        (float(rect.get("x", 0)), float(rect.get("width", 0)))
        for rect in root.iter("rect")
        if rect.get("fill") == "var(--bad)"
    ]


@pytest.mark.parametrize("frames", [1, 2, 30, 1000, 200_000])
def test_a_single_exposed_frame_is_red_however_long_the_video_is(frames: int) -> None:
    frame = frames // 2
    found = findings(frames, (frame,), people=1)
    ((x, width),) = red_spans(timeline(found, [("person 1", found.people[0])]))
    assert width >= (WIDTH - LEFT) / COLUMNS
    begin = LEFT + (WIDTH - LEFT) * frame / frames
    assert x == pytest.approx(begin, abs=2 * (WIDTH - LEFT) / COLUMNS)


def test_a_short_video_s_bar_has_no_gaps() -> None:
    found = findings(10, (), people=1)
    root = ET.fromstring(timeline(found, [("person 1", found.people[0])]))
    bars = [rect for rect in root.iter("rect") if rect.get("fill") == "var(--hidden)"]
    assert [(float(bar.get("x", 0)), float(bar.get("width", 0))) for bar in bars] == [
        (LEFT, WIDTH - LEFT)
    ]


@pytest.mark.parametrize("frames", [1, 3, 5000])
def test_the_plot_shows_the_worst_frame(frames: int) -> None:
    values = np.zeros(frames)
    values[frames // 2] = 1.0
    svg = line_chart(list(np.arange(frames) / 25), list(values), color="bad", limit=0.25, top=1.0)
    points = re.search(r'points="([^"]*)"', svg)
    assert points is not None
    heights = [float(point.split(",")[1]) for point in points.group(1).split()]
    assert min(heights) == 0.0


def test_nobody_and_nothing_make_a_page_too() -> None:
    nobody = findings(0, (), people=0)
    nobody.counts.compared = 0
    text = text_of(nobody)
    assert "No face was found in the original" in text
    assert nobody.verdict == "incomplete"


def test_whoever_is_exposed_is_shown_among_a_crowd() -> None:
    found = findings(20, (3,), people=300)
    found.people.append(found.people.pop(0))  # the last one
    text = text_of(found)
    assert "person 299" in text
    assert "person 300" not in text
    people = found.to_dict()["people"]
    assert [one["person"] for one in people] == list(range(300)), "people count from 0 everywhere"
    assert "220 more" in text
