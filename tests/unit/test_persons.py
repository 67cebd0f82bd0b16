"""People: boxes from arrays, outlines where they can be trusted, heads at the top."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from stream_anon.core.frame import ColorTags
from stream_anon.core.parts import INSIDE, Box, Part
from stream_anon.detectors.base import DetectionPass
from stream_anon.detectors.persons import nanodet, silhouettes
from stream_anon.detectors.persons.detector import Persons
from stream_anon.detectors.persons.heads import head_in, head_of
from stream_anon.detectors.scopes import choose, resolve_scope
from stream_anon.errors import ModelError, ParserError
from stream_anon.masking.detection import group_people
from stream_anon.masking.horizon import DOUBTFUL
from tests.stubs import make_frame
from tests.toy_people import use_toy_people

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from stream_anon.detectors.runtime import Runnable

ROWS, COLUMNS = 64, 96
BINS = 11
Spot = tuple[int, int, int, float, tuple[float, float, float, float]]
"""Stride, row, column, score; cells to the left, upper, right and lower side."""


def outputs(*spots: Spot, kind: int = nanodet.PERSON) -> list[NDArray[np.float32]]:
    """What the network answers for an input of `ROWS` x `COLUMNS`."""
    heat, sides = [], []
    for stride in nanodet.STRIDES:
        rows, columns = ROWS // stride, COLUMNS // stride
        scores = np.full((1, rows * columns, nanodet.CLASSES), 0.01, np.float32)
        bins = np.zeros((1, rows * columns, 4, BINS), np.float32)
        for of, row, column, score, far in spots:
            if of == stride:
                scores[0, row * columns + column, kind] = score
                for side, cells in enumerate(far):  # between two bins, as many as it is near each
                    low = int(cells)
                    bins[0, row * columns + column, side] = -50
                    bins[0, row * columns + column, side, low] = np.log(1 - cells + low + 1e-9)
                    bins[0, row * columns + column, side, low + 1] = np.log(cells - low + 1e-9)
        heat.append(scores)
        sides.append(bins.reshape(1, rows * columns, 4 * BINS))
    return [*heat, *sides]


def decoded(*spots: Spot, **more: Any) -> list[nanodet.Found]:
    return nanodet.decode(outputs(*spots, **more), ROWS, COLUMNS, 0.2)


class TestBoxes:
    @pytest.mark.parametrize("stride", nanodet.STRIDES)
    def test_distances_count_from_the_middle_of_a_cell(self, stride: int) -> None:
        (found,) = decoded((stride, 1, 2, 0.75, (0.5, 1.25, 2.0, 0.75)))
        expected = Box(2.0 * stride, 0.25 * stride, 2.5 * stride, 2.0 * stride)
        assert found.box == pytest.approx(expected, abs=0.01)
        assert found.score == pytest.approx(0.75)

    def test_nothing_but_people_is_found(self) -> None:
        spot = (8, 1, 2, 0.9, (1.0, 1.0, 1.0, 1.0))
        assert decoded(spot)
        assert not decoded(spot, kind=2)
        assert not decoded((8, 1, 2, 0.15, (1.0, 1.0, 1.0, 1.0)))

    def test_each_person_is_found_once_and_whole(self) -> None:
        best = (8, 3, 3, 0.8, (2.0, 2.0, 2.0, 2.0))
        taller = (8, 3, 3 + 1, 0.7, (3.0, 3.0, 1.0, 2.0))
        weaker = (8, 3, 2, 0.3, (2.0, 2.0, 3.0, 3.0))
        (found,) = decoded(best, taller, weaker)
        assert found.score == pytest.approx(0.8)
        assert found.box == pytest.approx(Box(12, 4, 32, 40), abs=0.1), "of both likely ones"

    def test_two_people_side_by_side_are_two(self) -> None:
        one, other = (8, 3, 2, 0.5, (1.0,) * 4), (8, 3, 5, 0.8, (1.0,) * 4)
        assert [found.score for found in decoded(one, other)] == pytest.approx([0.8, 0.5])

    def test_an_answer_of_another_network_is_refused(self) -> None:
        answer = outputs()
        with pytest.raises(ParserError, match="other shapes"):
            nanodet.decode(answer[1:], ROWS, COLUMNS, 0.2)
        with pytest.raises(ParserError, match="other shapes"):
            nanodet.decode(answer, ROWS + 32, COLUMNS, 0.2)
        answer[0][0, 0, 0] = np.nan
        with pytest.raises(ParserError, match="not numbers"):
            nanodet.decode(answer, ROWS, COLUMNS, 0.2)

    def test_the_mean_picture_becomes_nothing(self) -> None:
        mean = np.ones((1, 3, 4, 4), np.float32) * np.array(nanodet.MEAN)[:, None, None]
        mean[0, 0] += nanodet.STD[0]  # red goes last
        prepared = nanodet.prepared(mean.astype(np.float32))
        assert prepared[0, :, 0, 0] == pytest.approx([0, 0, 1], abs=1e-5)


def drawn(*shapes: tuple[float, float, float, float], side: int = 96) -> NDArray[np.uint8]:
    """A mask of ellipses, each by its box in shares of the side."""
    y, x = np.mgrid[0:side, 0:side] / side
    mask = np.zeros((side, side), bool)
    for left, top, width, height in shapes:
        across, down = (x - left - width / 2) / (width / 2), (y - top - height / 2) / (height / 2)
        mask |= across**2 + down**2 <= 1
    return (mask * 255).astype(np.uint8)


STANDING = Box(100, 50, 96, 288)
"""Three times as high as wide; a head is 1/7 of it."""
HEAD = 0.33, 0.0, 0.34, 1 / 7
TORSO, LEGS = (0.1, 0.13, 0.8, 0.45), (0.25, 0.5, 0.5, 0.5)


class TestHeads:
    def of(self, *shapes: tuple[float, float, float, float], region: Box = STANDING) -> Box:
        return head_of(drawn(*shapes), region)

    def covers(self, head: Box, shape: tuple[float, float, float, float], region: Box) -> bool:
        left, top, width, height = shape
        true = Box(
            region.x + left * region.width,
            region.y + top * region.height,
            width * region.width,
            height * region.height,
        )
        return head.overlap(true) > 0.999 * true.area

    def test_of_whoever_stands(self) -> None:
        head = self.of(HEAD, TORSO, LEGS)
        assert self.covers(head, HEAD, STANDING)
        assert head.y + head.height < STANDING.y + 0.4 * STANDING.height

    def test_of_whoever_is_near(self) -> None:
        region, near = Box(0, 0, 300, 300), (0.3, 0.0, 0.4, 0.55)
        head = self.of(near, (0.0, 0.5, 1.0, 0.9), region=region)
        assert self.covers(head, near, region)
        assert head.height < 0.85 * region.height

    def test_a_raised_hand_is_no_head(self) -> None:
        arm, lower = (0.8, 0.0, 0.08, 0.5), (HEAD[0], 0.2, HEAD[2], HEAD[3])
        shapes = arm, lower, (0.1, 0.33, 0.8, 0.4), LEGS
        assert self.covers(self.of(*shapes), lower, STANDING)

    def test_of_somebody_without_shoulders_it_is_the_upper_fifth_at_least(self) -> None:
        head = self.of((0.1, 0.0, 0.8, 1.0))
        assert head.y < STANDING.y
        assert head.y + head.height > STANDING.y + 0.2 * STANDING.height

    def test_of_a_mask_without_anybody_it_is_everything(self) -> None:
        assert head_of(np.zeros((96, 96), np.uint8), STANDING) == STANDING

    @pytest.mark.parametrize("box", [STANDING, Box(5, 5, 200, 220), Box(0, 0, 300, 90)])
    def test_of_a_box_it_is_the_upper_end(self, box: Box) -> None:
        head = head_in(box)
        assert head.x < box.x
        assert head.x + head.width > box.x + box.width
        assert head.y < box.y
        assert head.y + head.height > box.y + min(box.height, 0.6 * box.width, 0.2 * box.height)


BODY = Box(60, 20, 60, 150)
FRAME = make_frame(320, 192)


def likely_of(mask: NDArray[np.uint8], sure: float = 0.98) -> NDArray[np.float32]:
    return np.where(mask > 0, np.float32(sure), np.float32(0.01))


class TestSilhouettes:
    def test_the_region_is_larger_than_the_person_and_in_the_picture(self) -> None:
        region = silhouettes.looked_at(BODY, FRAME)
        assert region.overlap(BODY) == BODY.area
        assert region.area > 1.3 * BODY.area
        assert silhouettes.looked_at(Box(300, 150, 90, 90), FRAME) == Box(288, 138, 32, 54)

    def test_an_outline_is_wider_than_the_silhouette(self) -> None:
        seen = drawn((0.3, 0.1, 0.4, 0.8), side=silhouettes.SIDE)
        mask = silhouettes.outline(likely_of(seen))
        assert mask.shape == (silhouettes.MASK_SIDE, silhouettes.MASK_SIDE)
        hidden = np.asarray(mask >= INSIDE)
        assert 1.15 < hidden.mean() / (seen > 0).mean() < 1.6

    def test_half_likely_spots_are_hidden(self) -> None:
        likely = np.full((silhouettes.SIDE, silhouettes.SIDE), 0.2, np.float32)
        assert (silhouettes.outline(likely) >= INSIDE).all()

    REGION = silhouettes.looked_at(BODY, FRAME)

    @pytest.mark.parametrize(
        ("shapes", "sure", "doubtful"),
        [
            ([(0.15, 0.1, 0.7, 0.8)], 0.98, False),
            ([(0.15, 0.1, 0.7, 0.8)], 0.6, True),
            ([(0.15, 0.1, 0.7, 0.4)], 0.98, True),
            ([(0.4, 0.1, 0.2, 0.8)], 0.98, True),
            ([(0.15, 0.1, 0.01, 0.8), (0.15, 0.5, 0.7, 0.01)], 0.98, True),
            ([], 0.98, True),
        ],
        ids=["clear", "unsure", "half", "thin", "covers little", "nobody"],
    )
    def test_when_an_outline_is_not_trusted(
        self, shapes: list[tuple[float, float, float, float]], sure: float, doubtful: bool
    ) -> None:
        likely = likely_of(drawn(*shapes, side=silhouettes.SIDE), sure)
        assert silhouettes.is_doubtful(likely, BODY, self.REGION) is doubtful

    def test_a_whole_box_is_hidden_whole(self) -> None:
        mask = silhouettes.whole(BODY, self.REGION)
        part = Part("human", self.REGION, mask, 1.0, 0)
        step_x, step_y = part.box.width / mask.shape[1], part.box.height / mask.shape[0]
        rows = np.arange(mask.shape[0]) * step_y + part.box.y
        columns = np.arange(mask.shape[1]) * step_x + part.box.x
        touched_rows = (rows + step_y > BODY.y) & (rows < BODY.y + BODY.height)
        touched_columns = (columns + step_x > BODY.x) & (columns < BODY.x + BODY.width)
        assert (mask[np.ix_(touched_rows, touched_columns)] == 255).all()

    @pytest.mark.parametrize(
        ("box", "cut"),
        [
            (BODY, False),
            (BODY._replace(x=0), True),
            (BODY._replace(x=260), True),
            (BODY._replace(y=0), False),
            (BODY._replace(y=42), False),
        ],
    )
    def test_whoever_reaches_over_a_side_is_cut_off(self, box: Box, cut: bool) -> None:
        assert silhouettes.is_cut_off(box, FRAME) is cut


@pytest.fixture
def toy_people(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use_toy_people(monkeypatch, tmp_path)


@pytest.fixture
def persons(toy_people: None) -> Iterator[Persons]:
    made = Persons(ColorTags(matrix=6), min_score=0.12, threads=1)
    yield made
    made.close()


def picture(*boxes: tuple[int, int, int, int], index: int = 0) -> Any:
    """Bright rectangles on black; x, y, width and height."""
    luma = np.full((256, 416), 16, np.uint8)
    for x, y, width, height in boxes:
        luma[y : y + height, x : x + width] = 235
    return make_frame(416, 256, index, luma=luma)


def of(parts: Sequence[Part], label: str) -> list[Part]:
    return [part for part in parts if part.label == label]


def noted(network: Runnable, patch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The shapes of what a network gets, from here on."""
    shapes, run = list[tuple[int, ...]](), network.run

    def note(x: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        shapes.append(x.shape)
        return run(x)

    patch.setattr(network, "run", note)
    return shapes


WHOLE = DetectionPass(416)


class TestDetector:
    """With made-up weights, to which what is bright is a person."""

    def test_a_person_is_found_with_a_head(self, persons: Persons) -> None:
        parts = persons.parse(picture((160, 64, 64, 64)), WHOLE)
        best = max(of(parts, "human"), key=lambda part: part.score)
        assert best.box.iou(Box(160, 64, 64, 64)) > 0.5
        (head,) = (part for part in of(parts, "head") if part.person == best.person)
        assert head.box.overlap(Box(160, 64, 64, 12)) == 64 * 12

    def test_what_is_asked_for_in_several_sizes_is_computed_once(
        self, persons: Persons, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        frame, asked = picture((160, 64, 64, 64)), noted(persons._boxes, monkeypatch)
        answers = [persons.parse(frame, DetectionPass(side)) for side in (3840, 1920, 416, 64)]
        assert asked == [(1, 3, 256, 416)]
        assert all(answer == answers[0] for answer in answers)
        persons.parse(frame, DetectionPass(3840))
        assert len(asked) == 2, "whoever takes the time asks the same again"
        persons.parse(picture(index=1), WHOLE)
        assert len(asked) == 3

    def test_nobody_is_found_outside_of_a_region(self, persons: Persons) -> None:
        frame = picture((320, 64, 64, 64))
        assert persons.parse(frame, DetectionPass(160, Box(290, 40, 120, 120)))
        assert not persons.parse(frame, DetectionPass(160, Box(0, 0, 200, 200)))

    @pytest.mark.parametrize(("score", "outlined"), [(0.29, False), (0.31, True)])
    def test_faint_people_are_hidden_by_their_box(
        self, persons: Persons, monkeypatch: pytest.MonkeyPatch, score: float, outlined: bool
    ) -> None:
        """The outline of somebody who may be nobody is not worth anything."""
        found = nanodet.Found(Box(160, 64, 64, 128), score)
        monkeypatch.setattr(nanodet, "decode", lambda *_: [found])
        asked = noted(persons._outlines, monkeypatch)
        whole, head = persons.parse(picture((160, 64, 64, 128)), WHOLE)
        assert bool(asked) is outlined
        assert (whole.label, head.label) == ("human", "head")
        assert (whole.score >= DOUBTFUL) is outlined
        assert (np.unique(whole.mask).tolist() == [0, 255]) is not outlined

    def test_whoever_is_cut_off_is_hidden_by_a_box_with_a_head_of_the_silhouette(
        self, persons: Persons, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        found = nanodet.Found(Box(0, 20, 120, 220), 0.9)
        monkeypatch.setattr(nanodet, "decode", lambda *_: [found])
        shown = picture((30, 24, 40, 60), (0, 84, 115, 150))
        whole, head = persons.parse(shown, WHOLE)
        assert np.unique(whole.mask).tolist() == [0, 255]
        assert head.box.overlap(Box(30, 24, 40, 50)) == 40 * 50
        assert head.box.x + head.box.width < 100

    def test_a_person_without_a_face_is_followed_by_the_silhouette(self, persons: Persons) -> None:
        parts = persons.parse(picture((160, 64, 64, 64)), WHOLE)
        best = group_people(parts)[0]
        (whole,) = (part for part in best.parts if part.label == "human")
        assert best.anchor == whole.box
        assert best.shape is whole.mask


class TestScopes:
    def names(self, engine: str, scope: str) -> list[str]:
        return sorted(row.name for row in choose(engine, scope))

    def test_person_without_any_weights_says_what_there_is(self) -> None:
        with pytest.raises(ModelError, match=r"m2fp.*; or .*models fetch persons"):
            choose("auto", "person")

    @pytest.mark.usefixtures("toy_people")
    def test_person_takes_what_is_installed(self) -> None:
        assert self.names("auto", "person") == ["centerface", "persons"]
        assert resolve_scope("person", choose("auto", "person")) == {"human", "head"}

    @pytest.mark.usefixtures("toy_people")
    def test_persons_adds_heads_from_behind_where_it_is_installed(self) -> None:
        assert self.names("auto", "head") == ["centerface", "persons"]
        assert self.names("auto", "head,eyes") == ["centerface", "persons"]
        assert self.names("auto", "face") == ["centerface"]
        assert resolve_scope("head", choose("auto", "head")) == {"head"}

    @pytest.mark.usefixtures("toy_people")
    def test_everything_is_what_is_installed(self) -> None:
        chosen = choose("auto", "everything")
        assert [row.name for row in chosen] == ["centerface", "persons"]
        assert resolve_scope("everything", chosen) == {"head", "human"}

    def test_everything_is_heads_without_any_weights(self) -> None:
        assert self.names("auto", "everything") == ["centerface"]
        assert resolve_scope("everything", choose("auto", "everything")) == {"head"}
        both = choose("auto", "everything,eyes")
        assert resolve_scope("everything,eyes", both) == {"head", "eyes"}

    def test_heads_without_it_are_as_before(self) -> None:
        assert self.names("auto", "head") == ["centerface"]

    @pytest.mark.usefixtures("toy_people")
    def test_the_engine_can_be_named(self) -> None:
        assert self.names("persons", "person") == ["centerface", "persons"]
        assert self.names("centerface", "head") == ["centerface"]

    @pytest.mark.slow
    def test_m2fp_is_better_where_it_is_installed(
        self, tiny_m2fp: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """Where both are: the folder of one, copied beside the other."""
        models = tmp_path / "stream_anon" / "models"
        use_toy_people(monkeypatch, tmp_path)
        (models / tiny_m2fp.name).symlink_to(tiny_m2fp)
        assert self.names("auto", "person") == ["centerface", "m2fp"]
        assert self.names("auto", "head,person") == ["centerface", "m2fp", "persons"]
        assert self.names("persons", "person") == ["centerface", "persons"]
