"""A room of cameras whose processes are made up."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

from stream_anon.config import load_settings
from stream_anon.web.cameras.detectors import DetectorService
from stream_anon.web.cameras.room import CameraRoom
from stream_anon.web.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from stream_anon.web.security.who import Who

CAMERA, DETECTORS = "tests.web.odd_camera", "tests.web.odd_detectors"
SOURCE = "rtsp://user:s3cret@camera.example/stream?key=t0ken"
SECRETS = ("s3cret", "t0ken")
PATIENCE = 30.0


class NoDetectors(DetectorService):
    """Starts no process."""

    def follow(self, follower: object) -> None:
        return

    def leave(self, follower: object) -> None:
        return


odd_cameras = partial(CameraRoom, module=CAMERA)


@contextmanager
def odd_room(
    folder: Path, is_known: Callable[[Who], bool] = lambda _: True, **settings: Any
) -> Iterator[CameraRoom]:
    """A room of its own, over a database in `folder`."""
    folder.mkdir(exist_ok=True)
    store = Store(folder)
    room = odd_cameras(
        load_settings(None, settings), store, detectors=NoDetectors(), is_known=is_known
    )
    try:
        room.open()
        yield room
    finally:
        room.close()
        store.close()


def wait_until(done: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """What `done` answers, once that is something."""
    until = monotonic() + seconds
    while not (found := done()):
        assert monotonic() < until, "it did not happen in time"
        sleep(0.01)
    return found


def text_of(room: CameraRoom, camera_id: str, after: int = 0) -> str:
    """What the next picture of a made-up camera says."""
    picture = room.wait_for(camera_id, after, PATIENCE)
    assert picture is not None
    return picture.jpeg.decode()
