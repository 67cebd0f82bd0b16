"""Photos by HTTP: what comes back is measured, and nothing that is sent takes the server down."""

from __future__ import annotations

import base64
import os
import signal
import struct
import threading
import zlib
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, cast

import cv2
import httpx
import numpy as np
import pytest
import skimage.data

from stream_anon.audit.measure import LEAK, readable_share
from stream_anon.config import load_settings
from stream_anon.web.photos import room as photos
from tests.stubs import FACE_OF_ASTRONAUT
from tests.web.room import Room, web_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from tests.web.room import Client

    Picture = NDArray[np.uint8]

pytestmark = pytest.mark.slow

QUICK = {"effort": "quick"}
SECRET = b"Exif\0\0II*\0 taken at home by somebody"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """A room in debug mode whose process for photos has started."""
    folder = tmp_path_factory.mktemp("lab")
    more = {"live.mode": "debug", "web.photo_max_megapixels": 4, "web.photo_timeout": 120}
    with Room(load_settings(None, web_settings(folder, **more))) as room:
        room.services.photos.start()
        yield room


def portrait() -> Picture:
    return np.asarray(cast(Any, skimage.data.astronaut)()[..., ::-1], np.uint8)


def file_of(picture: Picture, ending: str = ".jpg") -> bytes:
    done, data = cv2.imencode(ending, picture)
    assert done
    return data.tobytes()


def picture_of(data: bytes) -> Picture:
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert found is not None
    return np.asarray(found, np.uint8)


def gray(picture: Picture) -> Picture:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)


def leak(after: Picture) -> float:
    box = FACE_OF_ASTRONAUT
    share = readable_share(
        gray(portrait()), gray(after), (box.x, box.y, box.x + box.width, box.y + box.height)
    )
    assert share is not None
    return share


def with_metadata(jpeg: bytes) -> bytes:
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(SECRET) + 2) + SECRET + jpeg[2:]


def predict(client: Client, data: bytes, path: str = "/predict", **more: Any) -> httpx.Response:
    params = {**QUICK, **more.pop("params", {})}
    return client.post(path, files={"image": ("a.jpg", data)}, params=params, **more)


@pytest.mark.parametrize("path", ["/predict", "/api/v1/predict"])
def test_the_face_is_hidden_and_metadata_is_gone(lab: Room, path: str) -> None:
    answer = predict(lab.viewer, with_metadata(file_of(portrait())), path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["x-anonymized"] == "true"
    after = picture_of(answer.content)
    assert leak(after) < LEAK
    assert leak(portrait()) > LEAK
    assert np.abs(after[350:].astype(int) - portrait()[350:]).mean() < 4  # the rest is as it was
    assert b"Exif" not in answer.content
    assert b"taken at home" not in answer.content


def test_json_has_the_picture_and_its_parts_without_masks(lab: Room) -> None:
    answer = predict(lab.viewer, file_of(portrait()), headers={"accept": "application/json"})
    found = answer.json()
    assert leak(picture_of(base64.b64decode(found["image"]))) < LEAK
    assert (found["type"], found["anonymized"]) == ("image/jpeg", True)
    part = max(found["parts"], key=lambda part: part["score"])
    x, _, width, _ = part["box"]
    middle = FACE_OF_ASTRONAUT.x + FACE_OF_ASTRONAUT.width / 2
    assert part["label"] == "face"
    assert x < middle < x + width
    assert set(part) == {"label", "box", "score", "color"}


def test_method_and_settings_are_seen_in_the_picture(lab: Room) -> None:
    data, (x, y) = file_of(portrait(), ".png"), (FACE_OF_ASTRONAUT.x, FACE_OF_ASTRONAUT.y)
    inside = np.s_[int(y) + 20 : int(y) + 40, int(x) + 20 : int(x) + 40]
    filled = picture_of(predict(lab.viewer, data, params={"method": "fill"}).content)
    assert np.abs(filled[inside].astype(int) - 0x20).max() <= 4
    change = {"redaction": {"method": "fill", "color": "#ff0000"}}
    assert lab.operator.patch("/api/v1/config", json=change).status_code == 200
    try:
        red = picture_of(predict(lab.viewer, data).content)[inside].reshape(-1, 3).mean(0)
    finally:
        back = {"redaction": {"method": "blur", "color": "#202020"}}
        lab.operator.patch("/api/v1/config", json=back)
    assert (red[2] > 200, red[0] < 60) == (True, True)


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"method": "nope"}, "did you mean"),
        ({"scope": "knees"}, "unknown label"),
        ({"effort": "lots"}, "effort"),
        ({"anonymize": "perhaps"}, "anonymize"),
    ],
)
def test_what_is_asked_for_wrongly_is_said(lab: Room, params: Any, said: str) -> None:
    answer = predict(lab.viewer, file_of(portrait()), params=params)
    assert answer.status_code == 422
    assert said in answer.json()["error"]


def test_the_map_shows_parts_over_the_redacted_picture(lab: Room) -> None:
    answer = predict(
        lab.viewer,
        file_of(portrait()),
        params={"visualize": "true"},
        headers={"accept": "application/json"},
    )
    found = answer.json()
    assert {"face", "head", "eyes", "nose", "mouth"} <= {part["label"] for part in found["parts"]}
    after = picture_of(base64.b64decode(found["image"]))
    assert leak(after) < LEAK
    box = FACE_OF_ASTRONAUT
    saturation = cv2.cvtColor(after, cv2.COLOR_BGR2HSV)[..., 1]
    assert saturation[int(box.y) : int(box.y + box.height), int(box.x + 10)].mean() > 100


def test_the_map_is_redacted_also_where_anonymization_is_off(lab: Room) -> None:
    params = {"visualize": "true", "anonymize": "false"}
    answer = predict(lab.operator, file_of(portrait()), params=params)
    assert leak(picture_of(answer.content)) < LEAK


class TestWithoutAnonymization:
    def test_an_operator_in_debug_mode_gets_it_with_a_banner_and_a_note(self, lab: Room) -> None:
        answer = predict(lab.operator, file_of(portrait()), params={"anonymize": "false"})
        assert answer.headers["x-anonymized"] == "false"
        after = picture_of(answer.content)
        assert leak(after) > LEAK
        assert np.abs(after[:20].astype(int) - portrait()[:20]).mean() > 20  # the banner
        assert lab.audit()[0] == "predict without anonymization"

    def test_a_viewer_does_not(self, lab: Room) -> None:
        answer = predict(lab.viewer, file_of(portrait()), params={"anonymize": "false"})
        assert answer.status_code == 403

    def test_nobody_does_in_production(self, room: Room) -> None:
        answer = predict(room.operator, file_of(portrait()), params={"anonymize": "false"})
        assert answer.status_code == 403
        assert room.audit() == []

    def test_the_switch_is_for_operators_only(self, lab: Room) -> None:
        lab.operator.post("/config", json={"anonymization": False})
        try:
            theirs = picture_of(predict(lab.viewer, file_of(portrait())).content)
            own = picture_of(predict(lab.operator, file_of(portrait())).content)
            params = {"anonymize": "true"}
            asked = picture_of(predict(lab.operator, file_of(portrait()), params=params).content)
        finally:
            lab.operator.post("/config", json={"anonymization": True})
        assert (leak(theirs) < LEAK, leak(own) > LEAK, leak(asked) < LEAK) == (True,) * 3


def png(width: int, height: int, rows: int) -> bytes:
    """A PNG that says how large it is, with so many rows of zeros."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(bytes(1 + 4 * width)) for _ in range(rows)) + packer.flush()
    signature = b"\x89PNG\r\n\x1a\n"
    return signature + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def tiff(width: int, height: int) -> bytes:
    """A TIFF that promises rows which are not there."""
    tags = {256: width, 257: height, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: height, 279: 9}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)


BAD: dict[str, Callable[[], bytes]] = {
    "bomb": lambda: png(20000, 5000, 5000),
    "bomb that lies": lambda: png(60000, 60000, 1),
    "tiff bomb": lambda: tiff(60000, 60000),
    "cut short": lambda: file_of(portrait())[:4000],
    "tiny": lambda: file_of(np.zeros((4, 4, 3), np.uint8), ".png"),
    "page": lambda: b"<html><script>alert(1)</script></html>",
    "drawing": lambda: (
        b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/x"/></svg>'
    ),
    "playlist": lambda: b"#EXTM3U\nfile:///etc/passwd\n",
    "video": lambda: b"\0\0\0\x20ftypisom" + bytes(100),
    "archive": lambda: b"PK\x03\x04" + bytes(100),
    "noise": lambda: os.urandom(5000),
    "noise after a head": lambda: b"\xff\xd8\xff\xe0" + os.urandom(5000),
    "nothing": lambda: b"",
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_no_photo_is_refused_quickly(lab: Room, kind: str) -> None:
    child = lab.services.photos._child
    began = monotonic()
    answer = predict(lab.viewer, BAD[kind]())
    assert answer.status_code == 422, answer.text
    assert set(answer.json()) == {"error"}
    assert monotonic() - began < 20
    assert lab.services.photos._child is child  # it did not even need a new process


def test_what_is_hidden_behind_a_picture_does_not_come_back(lab: Room) -> None:
    tail = b"PK\x03\x04<script>alert(1)</script>" * 10
    answer = predict(lab.viewer, file_of(portrait()) + tail)
    assert answer.headers["content-type"] == "image/jpeg"
    assert b"<script>" not in answer.content


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"data": {"image": ""}}, 415),
        ({"content": b"x", "headers": {"content-type": "image/jpeg"}}, 415),
        ({"files": {"picture": b"x"}}, 422),
        ({"files": [("image", b"x"), ("image", b"y")]}, 422),
        ({"files": {"image": b""}}, 422),
        (
            {"content": b"--x\r\n", "headers": {"content-type": "multipart/form-data; boundary=x"}},
            422,
        ),
        ({"content": b"x", "headers": {"content-type": "multipart/form-data"}}, 415),
        ({"files": [("image", b"x"), *[(f"f{n}", (None, b"y")) for n in range(50)]]}, 422),
        ({"files": [("image", b"x"), ("f", (None, b"y" * 20000))]}, 422),
    ],
)
def test_what_is_no_form_with_a_photo_is_refused(lab: Room, form: Any, code: int) -> None:
    answer = lab.viewer.post("/predict", **form)
    assert answer.status_code == code
    assert set(answer.json()) == {"error"}


def test_a_process_that_took_much_memory_gives_it_back(lab: Room) -> None:
    child = lab.services.photos._child
    assert child is not None
    lab.services.photos.kept_memory = 1 << 20
    try:
        assert predict(lab.viewer, b"no photo").status_code == 422
        assert lab.services.photos._child is None
        with pytest.raises(ProcessLookupError):
            os.kill(child.pid, 0)
    finally:
        lab.services.photos.kept_memory = photos.KEPT_MEMORY


def test_a_process_that_breaks_is_replaced(lab: Room) -> None:
    lab.services.photos.start()
    child = lab.services.photos._child
    assert child is not None
    os.kill(child.pid, signal.SIGSTOP)
    killer = threading.Timer(0.3, os.kill, (child.pid, signal.SIGKILL))
    killer.start()
    broken = predict(lab.viewer, file_of(portrait()))
    killer.join()
    assert broken.status_code == 422
    assert "nothing is returned" in broken.json()["error"]
    lab.services.photos.start()
    try:
        assert predict(lab.viewer, file_of(portrait())).status_code == 200
    finally:
        _end_threads_with(lab)


def _end_threads_with(lab: Room) -> None:
    """The next process belongs to the next test that needs one."""
    photos_room = lab.services.photos
    with photos_room._turn:
        photos_room._end_child()


def test_too_many_at_once_are_refused(room: Room) -> None:
    places = [room.services.photos.place() for _ in range(photos.MOST_WAITING)]
    answer = predict(room.viewer, b"x")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    with places[0]:
        pass
    assert predict(room.viewer, b"").status_code == 422


def test_the_end_of_the_server_does_not_wait_for_a_photo(tmp_path: Any) -> None:
    with Room(load_settings(None, web_settings(tmp_path))) as room:
        photos_room = room.services.photos
        photos_room.start()
        assert photos_room._child is not None
        os.kill(photos_room._child.pid, signal.SIGSTOP)

        def end() -> None:
            sleep(0.3)
            room.services.interrupt()

        ending = threading.Thread(target=end)
        ending.start()
        began = monotonic()
        answer = predict(room.viewer, file_of(portrait()))
        ending.join()
        assert answer.status_code == 503
        assert monotonic() - began < 3
        assert predict(room.viewer, file_of(portrait())).status_code == 503
