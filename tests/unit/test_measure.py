"""The audit finds faces that can be made out, and only those."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np
import pytest
from footage import Footage, make_footage
from footage_person import FACE, Corners, photo
from known_faces import AuditReport, audit
from numpy.typing import NDArray

from stream_anon.audit.measure import LEAK, collateral_share, readable_share
from stream_anon.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.slow

Luma = NDArray[np.uint8]

GREY = 110
SCALES = (0.22, 0.5, 1.5)


def scaled_photo(scale: float) -> tuple[Luma, Corners]:
    """The astronaut's luma and the box of her face."""
    luma = cv2.cvtColor(photo(), cv2.COLOR_BGR2GRAY)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    x1, y1, x2, y2 = (scale * value for value in FACE)
    resized = cv2.resize(luma, None, fx=scale, fy=scale, interpolation=how)
    return np.asarray(resized, np.uint8), (x1, y1, x2, y2)


def region(luma: Luma, box: Corners) -> Luma:
    """A view of the pixels in the box."""
    x1, y1, x2, y2 = (max(0, round(value)) for value in box)
    return luma[y1:y2, x1:x2]


def fill(luma: Luma, box: Corners) -> None:
    region(luma, box)[:] = GREY


def half(luma: Luma, box: Corners) -> None:
    x1, y1, x2, y2 = box
    fill(luma, (x1, y1, (x1 + x2) / 2, y2))


def shifted(luma: Luma, box: Corners) -> None:
    x1, y1, x2, y2 = box
    aside = (x2 - x1) / 2
    fill(luma, (x1 + aside, y1, x2 + aside, y2))


def mosaic(luma: Luma, box: Corners, cells: int) -> None:
    face = region(luma, box)
    rows, columns = face.shape
    small = cv2.resize(face, (cells, round(cells * rows / columns)), interpolation=cv2.INTER_AREA)
    face[:] = cv2.resize(small, (columns, rows), interpolation=cv2.INTER_NEAREST)


def slight_blur(luma: Luma, box: Corners) -> None:
    face = region(luma, box)
    face[:] = cv2.GaussianBlur(face, (0, 0), 0.04 * (box[2] - box[0]))


def strong_blur(luma: Luma, box: Corners) -> None:
    face = region(luma, box)
    face[:] = cv2.GaussianBlur(face, (0, 0), 0.25 * (box[2] - box[0]))


HIDING = {"fill": fill, "mosaic": partial(mosaic, cells=4), "blur": strong_blur}
LEAKING = {
    "half": half,
    "shifted": shifted,
    "fine mosaic": partial(mosaic, cells=10),
    "slight blur": slight_blur,
}


def share_after(change: Callable[[Luma, Corners], None], scale: float) -> float:
    original, face = scaled_photo(scale)
    redacted = original.copy()
    change(redacted, face)
    share = readable_share(original, redacted, face)
    assert share is not None
    return share


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("change", HIDING.values(), ids=HIDING)
def test_hidden_faces_do_not_leak(change: Callable[[Luma, Corners], None], scale: float) -> None:
    assert share_after(change, scale) < LEAK


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("change", LEAKING.values(), ids=LEAKING)
def test_poorly_hidden_faces_leak(change: Callable[[Luma, Corners], None], scale: float) -> None:
    assert share_after(change, scale) > LEAK


@pytest.mark.parametrize("scale", SCALES)
def test_an_untouched_face_is_readable_all_over(scale: float) -> None:
    assert share_after(lambda *_: None, scale) > 0.95


def test_another_brightness_does_not_hide_a_face() -> None:
    original, face = scaled_photo(1.0)
    darker = np.asarray(original * 0.6 + 20, np.uint8)
    assert readable_share(original, darker, face) == pytest.approx(1.0, abs=0.05)


def test_noise_does_not_look_like_a_face() -> None:
    original, face = scaled_photo(1.0)
    noise = np.random.default_rng(1).integers(0, 256, original.shape, np.uint8)
    assert (readable_share(original, noise, face) or 0) < LEAK / 2


def test_a_flat_face_shows_nothing() -> None:
    flat = np.full((100, 100), 128, np.uint8)
    assert readable_share(flat, flat, (20, 20, 80, 80)) == 0


@pytest.mark.parametrize(
    "box", [(40, 40, 50, 52), (-90, 10, -30, 80), (10, 210, 60, 270)], ids=["tiny", "left", "below"]
)
def test_what_cannot_be_judged_is_none(box: Corners) -> None:
    picture, _ = scaled_photo(0.4)
    assert readable_share(picture, picture, box) is None


def test_a_face_at_the_edge_is_judged_by_what_is_in_the_picture() -> None:
    original, (x1, y1, x2, y2) = scaled_photo(0.5)
    cut = round((x1 + x2) / 2)
    there = np.ascontiguousarray(original[:, cut:])
    box = (x1 - cut, y1, x2 - cut, y2)
    assert readable_share(there, there, box) == pytest.approx(1.0, abs=0.1)
    assert readable_share(there, np.full_like(there, GREY), box) == 0


def test_collateral_of_an_untouched_picture_is_nothing() -> None:
    original, face = scaled_photo(0.5)
    hidden = original.copy()
    fill(hidden, face)
    assert collateral_share(original, original, []) == 0
    assert collateral_share(original, hidden, [face]) == 0


def test_collateral_of_a_picture_hidden_whole_is_everything() -> None:
    original, face = scaled_photo(0.5)
    bright = np.maximum(original, 60)
    assert collateral_share(bright, np.zeros_like(bright), [face]) == 1
    assert collateral_share(bright, np.zeros_like(bright), []) == 1


def test_collateral_counts_pixels_away_from_faces_only() -> None:
    original = np.full((100, 200), 200, np.uint8)
    hidden = original.copy()
    hidden[:, :50] = 0
    assert collateral_share(original, hidden, []) == pytest.approx(0.25, abs=0.03)
    assert collateral_share(original, hidden, [(10, -20, 60, 120)]) == pytest.approx(0, abs=0.03)
    assert collateral_share(original, hidden, [(-10, -10, 210, 110)]) == 0


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    path = tmp_path_factory.mktemp("measure") / "original.mp4"
    return make_footage(path, width=384, height=216, seconds=2, rate=15, sound=False)


def redacted(
    footage: Footage,
    change: Callable[[Luma, Corners], None],
    *,
    crf: int = 18,
    frames: range | None = None,
    padding: int = 0,
) -> Path:
    """Copy the video with each face changed in some frames, and perhaps some rows more."""
    path = footage.path.with_name("redacted.mkv")
    with av.open(str(footage.path)) as source, av.open(str(path), "w") as target:
        codec = "libx264" if padding == 0 else "ffv1"
        stream = target.add_stream(codec, rate=15, options={"crf": str(crf)} if not padding else {})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = footage.width, footage.height + padding
        stream.pix_fmt = "yuv420p" if not padding else "gray"
        for index, frame in enumerate(source.decode(video=0)):
            luma = np.asarray(frame.to_ndarray(format="yuv420p"), np.uint8)
            if frames is None or index in frames:
                for face in footage.faces[index].values():
                    change(luma[: footage.height], face)
            if padding:
                luma = np.pad(luma[: footage.height], ((0, padding), (0, 0)))
            copy = av.VideoFrame.from_ndarray(luma, format=stream.pix_fmt)
            target.mux(stream.encode(copy))
        target.mux(stream.encode(None))
    return path


def audited(footage: Footage, path: Path) -> AuditReport:
    return audit(footage.path, path, footage.faces)


def test_an_identical_video_leaks_every_face(footage: Footage) -> None:
    report = audited(footage, footage.path)
    assert report.leaked == report.faces > footage.frames / 4
    assert report.coverage == 0
    assert report.collateral == 0
    assert report.frames_in == report.frames_out == footage.frames


def test_compression_alone_hides_nobody(footage: Footage) -> None:
    report = audited(footage, redacted(footage, lambda *_: None, crf=28))
    assert report.leaked == report.faces


@pytest.mark.parametrize("change", HIDING.values(), ids=HIDING)
def test_a_redacted_video_leaks_nothing(
    footage: Footage, change: Callable[[Luma, Corners], None]
) -> None:
    report = audited(footage, redacted(footage, change))
    assert report.leaked == report.longest_exposure == 0
    assert report.faces > footage.frames / 4
    assert report.coverage == 1
    assert report.collateral < 0.01


def test_exposure_is_the_longest_run_of_one_person(footage: Footage) -> None:
    seen = [index for index, faces in enumerate(footage.faces) if 0 in faces]
    start = seen[len(seen) // 2]
    hidden = redacted(footage, fill, frames=range(start, footage.frames))
    report = audited(footage, hidden)
    assert 0 < report.longest_exposure <= start - seen[0]
    assert report.longest_exposure <= report.leaked < report.faces
    assert report.coverage == pytest.approx(1 - report.leaked / report.faces)


def test_different_counts_are_reported(footage: Footage, tmp_path: Path) -> None:
    longer = make_footage(
        tmp_path / "longer.mp4", width=384, height=216, seconds=3, rate=15, sound=False
    )
    report = audit(footage.path, longer.path, footage.faces)
    assert (report.frames_in, report.frames_out) == (footage.frames, longer.frames)


def test_one_row_of_padding_is_no_difference(footage: Footage) -> None:
    report = audited(footage, redacted(footage, fill, padding=1))
    assert report.leaked == 0
    assert report.faces > 0


def test_another_size_is_refused(footage: Footage) -> None:
    with pytest.raises(SourceError, match="not the same video"):
        audited(footage, redacted(footage, fill, padding=2))


def test_unreadable_files_are_refused(footage: Footage, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    for path in (broken, tmp_path / "missing.mp4"):
        with pytest.raises(SourceError, match="cannot be read"):
            audited(footage, path)


def test_the_report_becomes_json(footage: Footage) -> None:
    report = audit(footage.path, footage.path, [])
    assert report.to_dict() == {
        "frames_in": footage.frames,
        "frames_out": footage.frames,
        "faces": 0,
        "leaked": 0,
        "longest_exposure": 0,
        "coverage": 1.0,
        "collateral": 0.0,
    }
