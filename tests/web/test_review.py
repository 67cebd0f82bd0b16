"""Reviewing over HTTP: lanes, pictures, edits, and a new rendering."""

from __future__ import annotations

import os
import re
import signal
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from footage import make_footage

from stream_anon.config import load_settings
from stream_anon.web.review.history import MOST_STEPS, History
from stream_anon.web.security.who import Role
from tests.media import sound
from tests.runs import lumas
from tests.web.jobs import done, left, sent
from tests.web.room import ORIGIN, Room, web_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx
    from footage import Footage
    from numpy.typing import NDArray

    from tests.web.room import Client

WRITE = {"origin": ORIGIN}


class Review:
    """A job that can be reviewed, and who may."""

    def __init__(self, room: Room, footage: Footage) -> None:
        self.room, self.footage = room, footage
        self.client: Client = room.browser(Role.operator)
        self.job = sent(self.client, footage.path, method="fill", audio="copy", review="true")
        self.shown = done(self.client, self.job)
        self.path = f"/api/v1/reviews/{self.job}"

    def get(self, place: str = "", **more: Any) -> httpx.Response:
        return self.client.get(f"{self.path}{place}", **more)

    def post(self, place: str, **headers: str) -> httpx.Response:
        return self.client.post(f"{self.path}{place}", headers=WRITE | headers)

    def put(self, edits: Any, etag: str | None = None) -> httpx.Response:
        """Change the edits; without an ETag, with the one that is there."""
        match = self.get("/edits").headers["etag"] if etag is None else etag
        headers = WRITE | ({"if-match": match} if match else {})
        return self.client.request("PUT", f"{self.path}/edits", json=edits, headers=headers)

    def edits(self) -> list[dict[str, Any]]:
        return list(self.get("/edits").json()["edits"])

    def picture(self, place: str) -> NDArray[np.uint8]:
        answer = self.get(place)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "image/jpeg"
        assert answer.headers["cache-control"] == "no-store"
        found = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR)
        return np.asarray(found, np.uint8)

    def lane(self) -> dict[str, Any]:
        """Of whoever is there longest."""
        return dict(max(self.get().json()["lanes"], key=lambda lane: lane["frames"]))


@pytest.fixture(scope="module")
def review(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Review]:
    folder = tmp_path_factory.mktemp("review")
    footage = make_footage(folder / "short.mp4", width=640, height=360, seconds=5.0, rate=12)
    with Room(load_settings(None, web_settings(folder))) as room:
        review = Review(room, footage)
        review.picture("/frames/0")  # its process starts here, and not in a test
        yield review


@pytest.mark.slow
class TestReview:
    def test_everybody_has_a_lane(self, review: Review) -> None:
        found = review.get().json()
        assert (found["frames"], found["width"], found["height"]) == (60, 640, 360)
        assert found["sound"]
        assert found["lanes"]
        order = [(not lane["weak"], not lane["short"]) for lane in found["lanes"]]
        assert order == sorted(order)
        for lane in found["lanes"]:
            assert 0 <= lane["first"] <= lane["last"] < 60
            assert not lane["kept"]
            thumb = review.client.get(lane["thumb"])
            assert thumb.headers["cache-control"] == "no-store"
            assert thumb.content.startswith(b"\xff\xd8")

    def test_a_raw_frame_has_the_operators_name_in_it(self, review: Review) -> None:
        raw, redacted = review.picture("/frames/8"), review.picture("/frames/8?redacted=true")
        assert raw.shape == redacted.shape == (360, 640, 3)
        assert review.room.audit()[0] == "see raw frame"
        before = lumas(review.footage.path, {8})[8].astype(int)
        face = next(iter(review.footage.faces[8].values()))
        x1, y1, x2, y2 = (round(v) for v in face)
        inside = slice(y1 + 8, y2 - 8), slice(x1 + 8, x2 - 8)
        gray = cv2.cvtColor(raw, cv2.COLOR_BGR2GRAY)[inside]
        assert gray.std() > 0.4 * before[inside].std()
        assert redacted[inside].std(axis=(0, 1)).max() < 6
        bottom = cv2.cvtColor(raw, cv2.COLOR_BGR2GRAY)[-14:].astype(int)
        assert (bottom > 220).mean() > 0.02, "the name, the time and the frame"

    def test_boxes_say_who_is_hidden(self, review: Review) -> None:
        lane = review.lane()
        n = (lane["first"] + lane["last"]) // 2
        found = review.get(f"/boxes?from={n}&to={n + 1}").json()
        assert set(found) == {str(n), str(n + 1)}
        own = [box for box in found[str(n)] if box["track"] == lane["track"]]
        assert own
        assert all(box["hidden"] for box in own)
        assert review.get("/boxes?from=5&to=2").status_code == 422
        assert review.get("/frames/60").status_code == 422

    def test_edits_are_kept_undone_and_redone(self, review: Review) -> None:
        review.put([])
        track = review.lane()["track"]
        one = [{"kind": "keep", "track": track}]
        two = [*one, {"kind": "mute", "from": 3, "to": 9, "reason": "a name is said"}]
        for edits in (one, two):
            answer = review.put(edits)
            assert answer.status_code == 200, answer.text
            assert review.edits() == edits
        assert review.lane()["kept"]
        for place, edits in (("/undo", one), ("/undo", []), ("/redo", one), ("/redo", two)):
            assert review.post(place).json()["edits"] == edits
        assert review.post("/redo").status_code == 409
        review.post("/undo")
        review.put([])
        assert review.post("/redo").status_code == 409, "a change forgets what was undone"
        assert "undo edit" in review.room.audit()

    def test_it_can_be_looked_at_while_it_is_rendered(self, review: Review) -> None:
        review.put([{"kind": "mute"}])
        assert review.post("/render").status_code == 200
        assert review.get().json()["lanes"]
        assert review.get("/frames/3").status_code == 200
        assert review.client.post(f"/api/v1/jobs/{review.job}/cancel", headers=WRITE).json()[
            "state"
        ] in ("cancelled", "done")
        review.room.wait_until(lambda: f"{review.job}/original" in left(review.room))
        assert review.client.get(f"/api/v1/jobs/{review.job}/result").status_code == 200

    def test_two_who_edit_at_once_are_told(self, review: Review) -> None:
        etag = review.get("/edits").headers["etag"]
        assert review.put([], etag).status_code == 200
        other = review.put([{"kind": "mute"}], etag)
        assert other.status_code == 412
        assert set(other.json()) == {"error"}
        assert review.edits() == []
        assert review.put([], "").status_code == 428
        assert review.put([], "nonsense").status_code == 412
        assert review.post("/undo", **{"if-match": etag}).status_code == 412

    @pytest.mark.parametrize(
        "edits",
        [
            [{"kind": "keep", "track": 999}],
            [{"kind": "box", "keys": [{"frame": 99, "box": [0, 0, 9, 9]}]}],
            [{"kind": "show", "track": 0}],
            {"edits": "all"},
            [[]],
            7,
            None,
        ],
    )
    def test_edits_that_make_no_sense_are_refused_in_one_line(
        self, review: Review, edits: Any
    ) -> None:
        before = review.edits()
        answer = review.put(edits)
        assert answer.status_code == 422, answer.text
        assert "\n" not in answer.json()["error"]
        assert review.edits() == before

    def test_edits_are_rendered_without_detecting(self, review: Review, tmp_path: Path) -> None:
        lane = review.lane()
        first, last = lane["first"], lane["last"]
        middle = (first + last) // 2
        box = [20, 250, 80, 80]
        keys = [{"frame": 2, "box": box}, {"frame": 12, "box": [220, 250, 80, 80]}]
        edits = [
            {"kind": "keep", "track": lane["track"], "from": middle, "to": last},
            {"kind": "box", "keys": keys},
            {"kind": "mute", "from": 15},
        ]
        assert review.put(edits).status_code == 200
        assert review.post("/render").json()["state"] in ("waiting", "running")
        assert review.post("/render").status_code == 409
        shown = done(review.client, review.job)
        assert shown["task"] == "edits"
        report = review.client.get(f"/api/v1/jobs/{review.job}/report").json()
        assert report["engine"]["name"] == "record of masks"
        assert report["edits"]["list"] == edits

        result = tmp_path / "result.mp4"
        result.write_bytes(review.client.get(f"/api/v1/jobs/{review.job}/result").content)
        before, after = lumas(review.footage.path), lumas(result)
        for index in range(2, 13):
            x = 20 + 20 * (index - 2)
            assert after[index][258:322, x + 8 : x + 72].std() < 4, index
        doubted = set[int]()
        for note in shown["outcome"]["notes"]:
            frames = [int(n) for n in re.findall(r"frames? (\d+)(?: to (\d+))?", note)[0] if n]
            doubted |= set(range(frames[0], frames[-1] + 1))
        visible = set(range(middle, last + 1)) - doubted
        assert len(visible) >= 5, shown["outcome"]
        for index, faces in enumerate(review.footage.faces):
            if first + 2 <= index <= last and faces and len(faces) == 1:
                x1, y1, x2, y2 = (round(v) for v in next(iter(faces.values())))
                inside = slice(y1 + 6, y2 - 6), slice(x1 + 6, x2 - 6)
                share = after[index][inside].std() / before[index][inside].std()
                assert share > 0.6 if index in visible else share < 0.2, index
        _, rate, samples = sound(result)
        assert np.abs(samples[:, round(1.1 * rate) :]).max() < 1e-3
        assert np.abs(samples[:, : round(0.9 * rate)]).max() > 0.01

    def test_tracks_are_changed_by_hand(self, review: Review) -> None:
        path = f"/api/v1/jobs/{review.job}/tracks"
        found = review.client.get(path)
        tracks, etag = found.json(), found.headers["etag"]
        put = {"if-match": etag} | WRITE
        bad = review.client.request("PUT", path, content=b'{"a": 1}', headers=put)
        assert bad.status_code == 422
        assert str(review.room.services.folder) not in bad.json()["error"]
        for track in tracks["tracks"]:
            track["hide"] = False
        assert review.client.request("PUT", path, json=tracks, headers=WRITE).status_code == 428
        stale = {"if-match": '"1"'} | WRITE
        assert review.client.request("PUT", path, json=tracks, headers=stale).status_code == 412
        assert review.client.request("PUT", path, json=tracks, headers=put).status_code == 200
        shown = done(review.client, review.job)
        assert (shown["task"], shown["outcome"]["most_people"]) == ("tracks", 0)
        assert review.client.get(path).headers["etag"] != etag

    def test_a_process_that_was_killed_is_replaced(self, review: Review) -> None:
        desk = review.room.services.reviews._desks[review.job]
        assert desk._child is not None
        os.kill(desk._child.pid, signal.SIGKILL)
        assert review.get("/frames/3").status_code == 422
        desk.raw(3, "Ada")
        review.room.services.reviews.leave(review.job)
        assert desk._child is None

    def test_nobody_else_reviews_it(self, review: Review) -> None:
        other = review.room.browser(Role.operator)
        for client in (other, review.room.operator):
            for place in ("", "/frames/3", "/frames/3?redacted=true", "/thumbs/0", "/edits"):
                assert client.get(f"{review.path}{place}").status_code == 404
            answer = client.request(
                "PUT", f"{review.path}/edits", json=[], headers=WRITE | {"if-match": '"0"'}
            )
            assert answer.status_code == 404

    def test_zz_nothing_is_left_when_it_is_deleted(self, review: Review) -> None:
        review.picture("/frames/0")
        desk = review.room.services.reviews._desks[review.job]
        path = f"/api/v1/jobs/{review.job}"
        assert review.client.request("DELETE", path, headers=WRITE).status_code == 204
        assert left(review.room) == []
        assert desk._child is None, "its process has ended"
        assert review.get("/frames/0").status_code == 404
        rows = review.room.services.store.rows
        assert not rows("SELECT * FROM edits")
        assert not rows("SELECT * FROM edit_steps")


def test_old_steps_are_forgotten(room: Room) -> None:
    room.services.jobs.table.add("0" * 32, "me", "a")
    history = History(room.services.store)
    for n in range(MOST_STEPS + 5):
        history.add("0" * 32, [n], n)
    undone = 0
    while history.now("0" * 32).can_undo:
        history.undo("0" * 32, None)
        undone += 1
    assert undone == MOST_STEPS
