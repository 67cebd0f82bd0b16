"""The newest picture, for viewers in threads and in event loops."""

from __future__ import annotations

import asyncio
import threading
from itertools import pairwise

from stream_anon.web.cameras.slot import NewestPicture, Picture


async def watch(slot: NewestPicture, most: int, seconds_each: float = 0.0) -> list[Picture]:
    found: list[Picture] = []
    pictures = slot.pictures()
    async for picture in pictures:
        found.append(picture)
        if len(found) == most:
            break
        await asyncio.sleep(seconds_each)
    await pictures.aclose()  # type: ignore[attr-defined]
    return found


def feed(slot: NewestPicture, count: int, over: threading.Event) -> None:
    for n in range(count):
        slot.put(f"picture {n}".encode())
        if over.wait(0.01):
            return
    slot.end()


def watched_by(slot: NewestPicture, viewers: list[tuple[int, float]]) -> list[list[Picture]]:
    """What viewers see: so many pictures each, and the seconds that they take for one."""
    over = threading.Event()
    feeder = threading.Thread(target=feed, args=(slot, 60, over))

    async def all_of_them() -> list[list[Picture]]:
        tasks = [asyncio.ensure_future(watch(slot, *viewer)) for viewer in viewers]
        await asyncio.sleep(0)
        assert slot.viewers == len(viewers)
        feeder.start()
        return list(await asyncio.gather(*tasks))

    try:
        return asyncio.run(all_of_them())
    finally:
        over.set()
        feeder.join()


def test_every_viewer_sees_pictures_in_order_and_the_same_bytes() -> None:
    slot = NewestPicture()
    seen = watched_by(slot, [(10, 0.0)] * 30)
    assert all(len(pictures) == 10 for pictures in seen)
    assert all(p.number < q.number for pictures in seen for p, q in pairwise(pictures))
    parts = {id(p.part) for pictures in seen for p in pictures}
    assert len(parts) <= 40, "each picture is made a part once, not for each viewer"
    assert slot.viewers == 0


def test_a_slow_viewer_skips_pictures_and_holds_nobody_up() -> None:
    slow, quick = watched_by(NewestPicture(), [(4, 0.1), (40, 0.0)])
    assert len(quick) == 40
    assert slow[-1].number - slow[0].number > 10
    assert len(slow) == 4


def test_viewers_are_let_go_at_the_end() -> None:
    (seen,) = watched_by(NewestPicture(), [(1000, 0.0)])
    assert 0 < len(seen) <= 60


def test_a_thread_waits_for_the_next_picture() -> None:
    slot = NewestPicture()
    assert slot.wait_for(0, 0.01) is None
    slot.put(b"first")
    first = slot.wait_for(0, 0)
    assert first is not None
    assert (first.number, first.jpeg) == (1, b"first")
    assert first.part.startswith(b"--picture\r\nContent-Type: image/jpeg\r\nContent-Length: 5\r\n")
    assert slot.wait_for(1, 0.01) is None
    slot.clear()
    assert slot.newest() is None
    slot.put(b"second")
    second = slot.wait_for(1, 0)
    assert second is not None
    assert second.number == 2
    slot.end()
    assert slot.wait_for(0, 5) is None
