"""The demo video tells the truth about its faces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import cv2
import numpy as np
import pytest
from contact_sheet import SHEET_WIDTH, contact_sheet, sample_frames
from footage import CUT_AT, Footage, make_footage
from footage_person import FACE, Corners, Picture, Pose, make_puppet, photo

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

WIDTH, HEIGHT, RATE = 480, 270, 10


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    path = tmp_path_factory.mktemp("footage") / "demo.mp4"
    return make_footage(path, width=WIDTH, height=HEIGHT, rate=RATE)


@pytest.fixture(scope="module")
def pictures(footage: Footage) -> dict[int, Picture]:
    return sample_frames(footage.path, range(footage.frames))


def patch(picture: Picture, box: Corners) -> Picture:
    """What the box shows, scaled to one size and without colour."""
    x1, y1, x2, y2 = (round(value) for value in box)
    gray = cv2.cvtColor(picture[y1:y2, x1:x2], cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.resize(gray, (32, 40), interpolation=cv2.INTER_AREA), np.uint8)


def likeness(a: Picture, b: Picture) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def test_the_file_is_what_it_says(footage: Footage, pictures: dict[int, Picture]) -> None:
    assert footage.frames == len(footage.faces) == len(pictures) == 8 * RATE
    assert all(picture.shape == (HEIGHT, WIDTH, 3) for picture in pictures.values())


def test_the_same_arguments_give_the_same_file(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.mp4", "b.mp4", "c.mp4")]
    for path, seed in zip(paths, (1, 1, 2), strict=True):
        make_footage(path, width=160, height=90, seconds=1, rate=10, seed=seed)
    a, b, c = (path.read_bytes() for path in paths)
    assert a == b
    assert a != c


def test_boxes_lie_inside_the_picture(footage: Footage) -> None:
    boxes = [box for faces in footage.faces for box in faces.values()]
    assert len(boxes) > footage.frames / 2
    for x1, y1, x2, y2 in boxes:
        assert 0 <= x1 < x2 <= WIDTH
        assert 0 <= y1 < y2 <= HEIGHT


@pytest.mark.parametrize(("aside", "least", "most"), [(0.0, 0.8, 1.0), (0.2, 0.0, 0.4)])
def test_boxes_lie_exactly_on_faces(
    footage: Footage, pictures: dict[int, Picture], aside: float, least: float, most: float
) -> None:
    face = patch(photo(), FACE)
    alike = []
    for index, faces in enumerate(footage.faces):
        for person, (x1, y1, x2, y2) in faces.items():
            dx = min(aside * (x2 - x1), x1)
            seen = patch(pictures[index], (x1 - dx, y1, x2 - dx, y2))
            alike.append(likeness(seen, face if person == 0 else face[:, ::-1]))
    assert least < np.median(alike) < most


def test_two_people_are_in_view_after_the_cut(footage: Footage) -> None:
    both = [faces for faces in footage.faces if len(faces) == 2]
    assert len(both) > RATE / 2
    for faces in both:
        near, distant = (faces[person][2] - faces[person][0] for person in (0, 1))
        assert distant < 0.6 * near


def test_nobody_is_in_view_for_a_second(footage: Footage, pictures: dict[int, Picture]) -> None:
    cut = round(CUT_AT * footage.frames)
    quiet = range(cut - RATE, cut)
    assert not any(footage.faces[index] for index in quiet)
    for index in quiet:
        assert cv2.absdiff(pictures[index], pictures[cut - 1]).max() < 20


def test_there_is_one_hard_cut(footage: Footage, pictures: dict[int, Picture]) -> None:
    changes = [
        float(cv2.absdiff(pictures[index], pictures[index - 1]).mean())
        for index in range(1, footage.frames)
    ]
    largest = int(np.argmax(changes))
    assert largest + 1 == round(CUT_AT * footage.frames)
    assert changes[largest] > 1.5 * sorted(changes)[-2]


def test_speech_and_clicks_can_be_heard(footage: Footage) -> None:
    with av.open(str(footage.path)) as container:
        stream = container.streams.audio[0]
        assert (stream.codec_context.name, stream.rate, stream.channels) == ("aac", 48_000, 1)
        frames = [frame.to_ndarray()[0] for frame in container.decode(audio=0)]
    sound = np.concatenate(frames)
    assert len(sound) == pytest.approx(8 * 48_000, rel=0.01)
    assert 0.02 < np.sqrt(np.mean(sound**2)) < 0.3
    clicks = [np.abs(sound[second * 48_000 :][:480]).max() for second in range(1, 8)]
    assert min(clicks) > 0.2


def test_sound_can_be_left_out(tmp_path: Path) -> None:
    path = tmp_path / "mute.mkv"
    make_footage(path, width=160, height=90, seconds=0.5, sound=False, codec="ffv1")
    with av.open(str(path)) as container:
        assert not container.streams.audio
        assert container.streams.video[0].codec_context.name == "ffv1"


@pytest.mark.parametrize(("turn", "share"), [(0, 1.0), (50, 0.62), (-50, 0.62)])
def test_turning_makes_the_face_narrower(turn: float, share: float) -> None:
    puppet = make_puppet(0.5)
    x1, _, x2, _ = puppet.face(Pose(300, 300, 1.0, turn=turn), 1.0)
    assert (x2 - x1) / (FACE[2] - FACE[0]) == pytest.approx(share, abs=0.05)


def test_a_contact_sheet_has_two_rows(tmp_path: Path) -> None:
    picture = np.full((90, 160, 3), (40, 80, 120), np.uint8)
    path = tmp_path / "sheet.png"
    contact_sheet([(picture, 255 - picture)] * 3, path)
    sheet = cv2.imread(str(path))
    assert sheet is not None
    height, width = sheet.shape[:2]
    assert SHEET_WIDTH - 10 <= width <= SHEET_WIDTH
    assert height == pytest.approx(2 * 90 / 160 * width / 3, rel=0.05)
    assert sheet[height // 4, width // 2].tolist() == [40, 80, 120]
    assert sheet[3 * height // 4, width // 2].tolist() == [215, 175, 135]


def test_an_empty_contact_sheet_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one pair"):
        contact_sheet([], tmp_path / "sheet.png")
