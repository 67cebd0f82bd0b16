"""Uploads: redacted, owned, limited, and gone when they should be."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import struct
import zlib
from contextlib import closing
from typing import TYPE_CHECKING, Any

import av
import cv2
import numpy as np
import pytest
from footage import make_footage
from known_faces import audit

from stream_anon.config import load_settings
from stream_anon.errors import ConfigError
from stream_anon.web.jobs.job import State
from stream_anon.web.security.who import Role
from tests.web.jobs import done, events, is_over, left, look, send, sent, wait
from tests.web.room import ORIGIN, Room, web_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from footage import Footage

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Long enough to be interrupted. Read-only."""
    path = tmp_path_factory.mktemp("long") / "long.mp4"
    return make_footage(path, width=640, height=360, seconds=16.0, rate=15, sound=False).path


def small_room(tmp_path: Path, **web: Any) -> Room:
    given = {f"web.{name}": value for name, value in web.items()}
    return Room(load_settings(None, web_settings(tmp_path, **given)))


class Finished:
    """A job that somebody's browser has sent, and that is done."""

    def __init__(self, room: Room, footage: Footage) -> None:
        self.room, self.footage = room, footage
        self.browser = room.browser(Role.operator)
        self.job = sent(
            self.browser, footage.path, name="../../holiday <1>.mp4", audit="true", method="fill"
        )
        self.told = events(self.browser, self.job)
        self.path = f"/api/v1/jobs/{self.job}"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finished]:
    folder = tmp_path_factory.mktemp("finished")
    footage = make_footage(folder / "short.mp4", width=640, height=360, seconds=2.0, rate=15)
    with Room(load_settings(None, web_settings(folder))) as room:
        yield Finished(room, footage)


class TestAJob:
    def test_its_progress_is_told_up_to_the_end(self, finished: Finished) -> None:
        told = finished.told
        assert told[-1]["state"] == "done", told[-1]
        shares = [one["progress"] for one in told]
        assert shares == sorted(shares)
        assert any(0 < share < 1 for share in shares)
        assert told[-1]["frames"] == finished.footage.frames
        assert "add job" in finished.room.audit()

    def test_an_upload_comes_back_with_nobody_to_be_seen(
        self, finished: Finished, tmp_path: Path
    ) -> None:
        browser, footage = finished.browser, finished.footage
        outputs = {one["name"]: one for one in finished.told[-1]["outputs"]}
        assert set(outputs) == {"result", "report", "audit", "audit page", "tracks"}
        answer = browser.get(outputs["result"]["url"])
        assert answer.headers["content-type"] == "video/mp4"
        assert "no-store" in answer.headers["cache-control"]
        assert "holiday%20%3C1%3E_redacted.mp4" in answer.headers["content-disposition"]
        result = tmp_path / "result.mp4"
        result.write_bytes(answer.content)
        found = audit(footage.path, result, footage.faces)
        assert found.faces > 15
        assert (found.leaked, found.coverage) == (0, 1)
        report = browser.get(outputs["report"]["url"]).json()
        assert report["settings"]["redaction"]["method"] == "fill"
        assert browser.get(outputs["audit"]["url"]).json()
        page = browser.get(outputs["audit page"]["url"])
        assert page.headers["content-disposition"].startswith("attachment")
        assert finished.told[-1]["outcome"]["audit"]["exposed"] == 0

    def test_the_folder_is_its_users_alone(self, finished: Finished) -> None:
        for path in (finished.room.services.folder / "jobs").rglob("*"):
            assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path

    def test_a_photo_comes_back_as_a_photo(self, room: Room, finished: Finished) -> None:
        with closing(av.open(str(finished.footage.path))) as video:
            frame = list(video.decode(video=0))[20]
        _, data = cv2.imencode(".png", frame.to_ndarray(format="bgr24"))
        job = sent(room.viewer, data.tobytes(), name="a.mp4")
        assert done(room.viewer, job)["kind"] == "photo"
        answer = room.viewer.get(f"/api/v1/jobs/{job}/result")
        assert answer.headers["content-type"] == "image/png"
        shown = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR)
        assert shown is not None
        before = frame.to_ndarray(format="bgr24")
        for x1, y1, x2, y2 in finished.footage.faces[20].values():
            inside = slice(round(y1), round(y2)), slice(round(x1), round(x2))
            changed = np.abs(shown[inside].astype(int) - before[inside]).max(axis=2)
            assert (changed > 16).mean() > 0.5


class TestOwners:
    def test_nobody_else_sees_it(self, finished: Finished) -> None:
        room, owner, path = finished.room, finished.browser, finished.path
        other = room.browser(Role.operator)
        assert [one["id"] for one in owner.get("/api/v1/jobs").json()] == [finished.job]
        for client in (other, room.operator, room.viewer):
            assert client.get("/api/v1/jobs").json() == []
            for place in ("", "/result", "/report", "/tracks", "/events"):
                assert client.get(f"{path}{place}").status_code == 404
            headers = {"origin": ORIGIN}
            assert client.post(f"{path}/cancel", headers=headers).status_code == 404
            assert client.request("DELETE", path, headers=headers).status_code == 404
        assert other.get(f"{path}/original").status_code == 404
        assert owner.get(f"{path}/original").content == finished.footage.path.read_bytes()
        assert room.audit()[0] == "see original"

    def test_the_original_goes_with_the_login(self, finished: Finished) -> None:
        room, original = finished.room, f"{finished.job}/original"
        cleaner = room.services.jobs._cleaner
        cleaner.clean()
        assert original in left(room)
        finished.browser.post("/logout", headers={"origin": ORIGIN})
        cleaner.clean()
        assert original not in left(room)

    def test_a_program_has_no_before_and_after_and_results_go_in_time(
        self, tmp_path: Path, clip: Path
    ) -> None:
        with small_room(tmp_path, keep_results_hours=1.0) as room:
            job = sent(room.operator, clip)
            assert done(room.operator, job)["original"] is None
            room.wait_until(lambda: f"{job}/original" not in left(room))
            assert room.operator.get(f"/api/v1/jobs/{job}/original").status_code == 403
            assert left(room)
            room.services.store.change("UPDATE jobs SET ended = ended - 3700")
            room.services.jobs._cleaner.clean()
            assert left(room) == []
            assert room.operator.get(f"/api/v1/jobs/{job}").status_code == 404

    def test_whoever_has_no_token_sends_nothing(self, tmp_path: Path, clip: Path) -> None:
        with small_room(tmp_path, anonymous=True) as room:
            assert send(room.nobody, clip).status_code == 403
            assert left(room) == []


class TestInterrupted:
    def test_a_job_is_cancelled_midway_and_leaves_nothing(self, room: Room, long: Path) -> None:
        job = sent(room.viewer, long)
        wait(room.viewer, job, lambda found: found["frames"] > 0)
        assert f"{job}/original" in left(room)
        assert room.viewer.post(f"/api/v1/jobs/{job}/cancel").json()["state"] == "cancelled"
        room.wait_until(lambda: left(room) == [])
        assert look(room.viewer, job)["state"] == "cancelled"
        assert "cancel job" in room.audit()

    def test_a_killed_process_is_reported_and_leaves_nothing(self, room: Room, long: Path) -> None:
        job = sent(room.viewer, long)
        wait(room.viewer, job, lambda found: found["frames"] > 0)
        running = room.services.jobs.running(job)
        assert running is not None
        assert running.pid is not None
        os.kill(running.pid, signal.SIGKILL)
        found = wait(room.viewer, job, is_over)
        assert found["state"] == "failed"
        assert "signal 9" in found["error"]
        assert left(room) == []

    def test_a_job_goes_on_at_the_next_start(self, tmp_path: Path, clip: Path) -> None:
        settings = load_settings(None, web_settings(tmp_path))
        with Room(settings) as room:
            viewer, tokens = room.viewer, room.tokens
            job = sent(viewer, clip)
            wait(viewer, job, lambda found: found["state"] == "running")
        with Room(settings, tokens) as room:
            assert look(room.viewer, job)["state"] in ("waiting", "running")
            assert done(room.viewer, job)["outputs"]

    def test_what_a_killed_server_left_is_cleaned_or_reported(
        self, tmp_path: Path, clip: Path
    ) -> None:
        settings = load_settings(None, web_settings(tmp_path, **{"web.most_jobs": 9}))
        with Room(settings) as room:
            tokens = room.tokens
            jobs = [sent(room.viewer, clip) for _ in range(4)]
            folder = room.services.folder / "jobs"
        lost, tried, begun, gone = jobs
        with closing(sqlite3.connect(folder.parent / "control-room.sqlite3")) as base, base:
            base.execute("UPDATE jobs SET state = 'running', tries = 1")
            base.execute("UPDATE jobs SET tries = 2 WHERE id = ?", (tried,))
            base.execute("UPDATE jobs SET state = 'uploading' WHERE id = ?", (begun,))
            base.execute("DELETE FROM jobs WHERE id = ?", (gone,))
        (folder / lost / "original").unlink(missing_ok=True)
        for job in (tried, begun, gone):
            (folder / job).mkdir(exist_ok=True)
            (folder / job / "original").write_bytes(b"raw")
        (folder / "stray").write_bytes(b"raw")
        with Room(settings, tokens) as room:
            assert left(room) == []
            assert "upload it again" in look(room.viewer, lost)["error"]
            assert "twice" in look(room.viewer, tried)["error"]
            for job in (begun, gone):
                assert room.viewer.get(f"/api/v1/jobs/{job}").status_code == 404


def png(width: int, height: int) -> bytes:
    """A black picture that says nothing of how large it becomes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(
            ">I", zlib.crc32(kind + body)
        )  # fmt: skip

    packer = zlib.compressobj(9)
    row = b"\0" * (1 + (width + 7) // 8)
    body = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def test_one_server_works_in_a_folder(room: Room, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="another server uses the folder"):
        Room(load_settings(None, web_settings(tmp_path))).services.open()


class TestLimits:
    @pytest.mark.parametrize(
        ("content", "status"),
        [
            (b"PK\3\4" + bytes(2000), 415),
            (b"<html><script>alert(1)</script>" + bytes(600), 415),
            (b"#EXTM3U\nhttp://127.0.0.1/secret\n", 415),
            (b"ffconcat version 1.0\nfile /etc/passwd\n", 415),
            (b"%PDF-1.7\n" + bytes(600), 415),
            (b"GIF", 415),
            (b"", 422),
        ],
    )
    def test_what_is_no_video_is_refused_at_once(
        self, room: Room, content: bytes, status: int
    ) -> None:
        answer = send(room.viewer, content, name="innocent.mp4")
        assert answer.status_code == status
        assert set(answer.json()) == {"error"}
        assert left(room) == []
        assert room.viewer.get("/api/v1/jobs").json() == []

    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({"scope": "wigs"}, "wigs"),
            ({"method": "paint"}, "paint"),
            ({"audio": "louder"}, "louder"),
            ({"audit": "perhaps"}, "true or false"),
            ({"config": "/etc/passwd"}, "no field config"),
        ],
    )
    def test_options_that_make_no_sense_are_refused(
        self, room: Room, clip: Path, fields: dict[str, str], words: str
    ) -> None:
        answer = send(room.viewer, clip, **fields)
        assert answer.status_code == 422
        assert words in answer.json()["error"]
        assert left(room) == []

    def test_a_body_that_is_no_form_is_refused(self, room: Room) -> None:
        form = "multipart/form-data; boundary=x"
        cut_off = b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1"
        for content, kind, status in (
            (b"{}", "application/json", 415),
            (b"nonsense", form, 422),
            (cut_off, form, 422),
        ):
            answer = room.viewer.post(
                "/api/v1/jobs", content=content, headers={"content-type": kind}
            )
            assert answer.status_code == status, content
        assert left(room) == []

    def test_an_upload_that_is_too_large_is_cut_off(self, tmp_path: Path) -> None:
        def pieces() -> Iterator[bytes]:
            yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="v"\r\n\r\n'
            yield b"\0\0\0\x18ftypisom"
            for _ in range(40):
                yield bytes(1 << 16)

        async def sending() -> AsyncIterator[bytes]:
            for piece in pieces():
                yield piece

        with small_room(tmp_path, upload_max_mb=1) as room:
            headers = {"content-type": "multipart/form-data; boundary=x"}
            answer = room.viewer.post("/api/v1/jobs", content=sending(), headers=headers)
            assert answer.status_code == 413
            assert left(room) == []
            assert room.viewer.get("/api/v1/jobs").json() == []

    @pytest.mark.parametrize("job", ["..", "%2e%2e%2fcontrol-room", "jobs.lock", "0" * 32, "%00"])
    def test_an_id_is_no_path(self, room: Room, job: str) -> None:
        for place in ("", "/result", "/original", "/tracks"):
            answer = room.operator.get(f"/api/v1/jobs/{job}{place}")
            assert answer.status_code in (403, 404), (job, place)
        assert room.operator.get(f"/api/v1/reviews/{job}/frames/0").status_code == 404

    def test_a_broken_video_is_reported_without_our_paths(self, room: Room) -> None:
        job = sent(room.viewer, b"\0\0\0\x18ftypisom" + bytes(4000))
        found = wait(room.viewer, job, is_over)
        assert found["state"] == "failed"
        assert str(room.services.folder) not in found["error"]
        assert left(room) == []

    def test_too_many_pixels(self, tmp_path: Path) -> None:
        with small_room(tmp_path, job_megapixels=1.0) as room:
            job = sent(room.viewer, png(2000, 1000))
            assert "megapixels" in wait(room.viewer, job, is_over)["error"]
            assert left(room) == []

    @pytest.mark.exhaustive
    def test_a_picture_that_unpacks_to_more_than_the_memory(self, tmp_path: Path) -> None:
        with small_room(tmp_path, job_memory_mb=512, job_megapixels=1000.0) as room:
            job = sent(room.viewer, png(30000, 30000))
            found = wait(room.viewer, job, is_over)
            assert found["state"] == "failed"
            assert left(room) == []

    def test_too_long(self, tmp_path: Path, long: Path) -> None:
        with small_room(tmp_path, job_minutes=0.1) as room:
            job = sent(room.viewer, long)
            assert "too long" in wait(room.viewer, job, is_over)["error"]

    @pytest.mark.exhaustive
    def test_too_slow(self, tmp_path: Path, long: Path) -> None:
        with small_room(tmp_path, job_hours=2.0 / 3600) as room:
            job = sent(room.viewer, long)
            assert "hours" in wait(room.viewer, job, is_over)["error"]
            assert left(room) == []

    def test_too_many(self, tmp_path: Path, long: Path, clip: Path) -> None:
        with small_room(tmp_path, most_jobs=2) as room:
            jobs = [sent(room.viewer, long) for _ in range(2)]
            answer = send(room.viewer, clip)
            assert answer.status_code == 429
            assert answer.headers["retry-after"]
            waiting = room.services.jobs.table.get(jobs[1])
            assert waiting is not None
            assert waiting.state is State.waiting
            for job in jobs:
                room.viewer.post(f"/api/v1/jobs/{job}/cancel")
            room.wait_until(lambda: left(room) == [])

    def test_a_viewer_gets_no_review(self, room: Room, clip: Path) -> None:
        assert send(room.viewer, clip, review="true").status_code == 403
        assert left(room) == []
