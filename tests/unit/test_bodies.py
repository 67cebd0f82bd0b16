"""Body parts between keyframes: carried by their own motion, from both sides, pixel by pixel."""

from __future__ import annotations

import threading
from dataclasses import replace
from fractions import Fraction
from time import monotonic, sleep
from typing import TYPE_CHECKING

import numpy as np
import pytest

from stream_anon.config import load_settings
from stream_anon.errors import ParserError
from stream_anon.frame import Box, Frame, MaskedFrame, Unknown
from stream_anon.masking import masker
from stream_anon.masking.masker import Masker
from stream_anon.parsing.base import Look, Part
from stream_anon.redaction.redactor import Redactor
from tests.people import HEIGHT, PARSED, WIDTH, PeopleParser, Shape, scene
from tests.stubs import StubParser, face, make_frame, make_info, nobody

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

HAIR = Shape("hair", 0, (60, 60, 60, 50), (2, 0))
ARM = Shape("left-arm", 1, (300, 120, 40, 90), (-3, 1), "hook")
COUNT = 60
SECOND = 25
"""Frames."""
OPAQUE = 230
"""Video white is 235, and nothing in the scenes is nearly as bright."""
WAIT = 10.0
"""Seconds that another thread gets."""


def mask(
    body_parser: PeopleParser,
    frames: Sequence[Frame],
    *,
    hidden: frozenset[str] = frozenset({"hair", "left-arm"}),
    faces: StubParser | None = None,
    live: bool = False,
    paced: Callable[[Frame], object] = lambda _frame: None,
    **overrides: object,
) -> list[MaskedFrame]:
    values = {key.replace("__", "."): value for key, value in overrides.items()}
    masker = Masker(
        faces or StubParser(nobody),
        hidden,
        load_settings(None, values),
        replace(make_info(WIDTH, HEIGHT), live=live),
        body_parser=body_parser,
    )

    def one_by_one() -> Iterator[Frame]:
        for frame in frames:
            paced(frame)
            yield frame

    return list(masker.masks(one_by_one()))


def changed(masked: MaskedFrame) -> NDArray[np.bool_]:
    """(HEIGHT, WIDTH): which pixels redaction replaces, all of them where it hides the frame."""
    if isinstance(masked.parts, Unknown):
        return np.ones((HEIGHT, WIDTH), bool)
    settings = load_settings(None, {"redaction.method": "fill", "redaction.color": "#ffffff"})
    redacted = Redactor(settings.redaction, make_info().color).redact(masked)
    return np.asarray(redacted.planes[0] >= OPAQUE)


def visible(shape: Shape, masked: MaskedFrame) -> float:
    """Share of the part that is left as it was."""
    inside = shape.inside(masked.frame.index)
    return float((~changed(masked))[inside].mean()) if inside.any() else 0.0


def visible_at(shape: Shape, masked: MaskedFrame) -> float:
    """The same for a shape that says where it is in this very frame."""
    return float((~changed(masked))[shape.inside(0)].mean())


class WholePerson(PeopleParser):
    """Answers with one part in the form of all shapes together."""

    def parse(self, frame: Frame, look: Look) -> list[Part]:
        self.asked.append(frame.index)
        inside = np.any([shape.inside(0) for shape in self._shapes(frame.index)], 0)
        rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
        top, left, bottom, right = rows[0], columns[0], rows[-1] + 1, columns[-1] + 1
        box = Box(int(left), int(top), int(right - left), int(bottom - top))
        return [Part("human", box, inside[top:bottom, left:right].astype(np.uint8) * 255, 0.9, 0)]


def wait_until(done: Callable[[], bool]) -> None:
    deadline = monotonic() + WAIT
    while not done():
        assert monotonic() < deadline
        sleep(0.001)


class TestKeyframes:
    def test_the_parser_is_asked_once_a_second(self) -> None:
        parser = PeopleParser([HAIR])
        mask(parser, scene([HAIR], COUNT))
        assert parser.asked == [0, 25, 50]

    @pytest.mark.parametrize(("interval", "asked"), [(0.4, [0, 10, 20, 30]), (5.0, [0, 25])])
    def test_the_interval_is_a_setting_and_never_longer_than_the_lookahead(
        self, interval: float, asked: list[int]
    ) -> None:
        parser = PeopleParser([HAIR])
        mask(parser, scene([HAIR], 40), keyframes__parse_interval=interval)
        assert parser.asked == asked

    def test_nothing_moves_nothing_is_asked_and_everything_stays_hidden(self) -> None:
        still = replace(HAIR, step=(0, 0))
        parser = PeopleParser([still])
        masks = mask(parser, scene([still], 3 * SECOND))
        assert parser.asked == [0]
        assert all(visible(still, masked) == 0 for masked in masks)

    def test_what_comes_to_rest_between_keyframes_is_parsed_again_and_stays_hidden(self) -> None:
        moving = scene([HAIR], 10)
        resting = [
            replace(moving[-1], index=n, pts=n, planes=moving[-1].planes)
            for n in range(10, 4 * SECOND)
        ]
        there = replace(HAIR, step=(0, 0), box=(*HAIR.at(9), 60, 50))
        parser = PeopleParser(lambda index: [HAIR] if index < 10 else [there])
        masks = mask(parser, [*moving, *resting])
        assert all(visible(HAIR, masked) < 0.02 for masked in masks[:10])
        assert all(visible(there, masked) < 0.02 for masked in masks[10:])

    def test_a_cut_voids_everything_and_is_a_keyframe(self) -> None:
        one, two = HAIR, replace(HAIR, box=(350, 180, 60, 50), step=(0, 0))
        other = scene([two], 30, start=15)
        flipped = [
            replace(f, planes=(np.minimum(255 - f.planes[0], 200), *f.planes[1:])) for f in other
        ]
        frames = [*scene([one], 15), *flipped]
        parser = PeopleParser(lambda index: [one] if index < 15 else [two])
        masks = mask(parser, frames)
        assert parser.asked[:2] == [0, 15]
        assert max(visible(one, masked) for masked in masks[:15]) < 0.02
        for masked in masks[15:]:
            assert visible(two, masked) == 0
            assert not changed(masked)[:150, :200].any(), "what was before the cut is hidden still"


class TestBetweenKeyframes:
    def test_each_part_follows_its_own_motion(self) -> None:
        masks = mask(PeopleParser([HAIR, ARM]), scene([HAIR, ARM], COUNT))
        for masked in masks:
            assert visible(HAIR, masked) < 0.02
            assert visible(ARM, masked) < 0.02

    def test_masks_that_stay_where_they_were_would_leak(self) -> None:
        """The scene is one in which carrying matters: or else the test above shows nothing."""
        masks = mask(PeopleParser([HAIR, ARM]), scene([HAIR, ARM], SECOND))
        first = masks[0]
        late = masks[12].frame
        frozen = MaskedFrame(late, first.parts)
        assert visible(ARM, frozen) > 0.3

    def test_only_the_parts_are_hidden_not_their_boxes(self) -> None:
        hook = Shape("left-arm", 0, (200, 40, 120, 200), (1, 0), "hook")
        masks = mask(PeopleParser([hook]), scene([hook], COUNT))
        for masked in masks:
            assert visible(hook, masked) < 0.02
            x, y = hook.at(masked.frame.index)
            corner = changed(masked)[y : y + 90, x + 80 : x + 120]
            assert not corner.any(), f"the empty corner of the hook in {masked.frame}"

    def test_somebody_first_parsed_later_is_traced_back(self) -> None:
        parser = PeopleParser([HAIR], sees=lambda index: index >= SECOND)
        masks = mask(parser, scene([HAIR], COUNT))
        assert all(visible(HAIR, masked) < 0.02 for masked in masks[1:])

    def test_a_part_that_is_not_seen_again_is_carried_to_the_next_keyframe_and_beyond(self) -> None:
        parser = PeopleParser([HAIR], sees=lambda index: index == 0)
        masks = mask(parser, scene([HAIR], COUNT), masking__linger=0.2)
        assert all(visible(HAIR, masked) < 0.05 for masked in masks[: SECOND + 5])
        assert not masks[SECOND + 8].parts

    def test_at_a_keyframe_the_mask_is_where_the_parser_sees_it(self) -> None:
        masks = mask(PeopleParser([HAIR]), scene([HAIR], COUNT))
        for index in (0, 25, 50):
            parts = masks[index].parts
            assert isinstance(parts, tuple)
            assert parts[0].box == Box(*HAIR.at(index), 60, 50)

    def test_masks_grow_with_age(self) -> None:
        masks = mask(PeopleParser([HAIR]), scene([HAIR], SECOND + 1))
        spreads = [m.parts[0].spread for m in masks if isinstance(m.parts, tuple)]
        assert spreads[0] < spreads[5] < spreads[11]
        assert spreads[24] < spreads[15], "the next keyframe is nearer"

    def test_the_result_depends_on_the_frames_only(self) -> None:
        def run() -> list[object]:
            found = mask(PeopleParser([HAIR, ARM]), scene([HAIR, ARM], COUNT))
            return [[(p.label, p.box, p.spread) for p in m.parts] for m in found]  # type: ignore[union-attr]

        assert run() == run()

    def test_little_memory_means_keyframes_closer_together(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(masker, "MAX_HELD", 9)
        parser = PeopleParser([HAIR])
        masks = mask(parser, scene([HAIR], 40), masking__lookahead=10.0)
        assert parser.asked == [0, 8, 16, 24, 32]
        assert all(visible(HAIR, masked) < 0.02 for masked in masks)

    @pytest.mark.parametrize("seed", range(6))
    def test_a_camera_that_shakes_does_not_shake_masks_off(self, seed: int) -> None:
        """The picture comes back to places that were looked at, again and again."""
        rng = np.random.default_rng(seed)
        shifts = np.cumsum(rng.integers(-1, 2, (7, 2)) * 8, 0)
        at = [tuple(shifts[(n // 2) % 7 * (n % 2)]) for n in range(COUNT)]

        def shaken(index: int) -> Shape:
            dx, dy = at[index]
            return replace(HAIR, box=(60 + int(dx), 60 + int(dy), 60, 50), step=(0, 0))

        still = scene([replace(HAIR, step=(0, 0))], 1)[0].planes[0]
        frames = [
            make_frame(WIDTH, HEIGHT, n, luma=np.roll(still, (int(dy), int(dx)), (0, 1)))
            for n, (dx, dy) in enumerate(at)
        ]
        masks = mask(PeopleParser(lambda index: [shaken(index)]), frames)
        for index, masked in enumerate(masks):
            assert visible(shaken(index), masked) < 0.02, index

    @pytest.mark.parametrize(("lookahead", "deep"), [(8.0, 8.0), (0.0, 5.0), (1.0, 1.0)])
    def test_a_picture_that_flickers_around_the_parsed_one_keeps_its_masks(
        self, lookahead: float, deep: float
    ) -> None:
        still = replace(HAIR, step=(0, 0))
        base = scene([still], 1)[0].planes[0]
        frames = [
            make_frame(WIDTH, HEIGHT, n, luma=base + np.uint8(4 * (n // 3 % 2)))
            for n in range(5 * SECOND)
        ]
        masks = mask(
            PeopleParser([still]), frames, masking__lookahead=lookahead,
            keyframes__deep_interval=deep, keyframes__parse_interval=0.8,
        )  # fmt: skip
        assert max(visible(still, masked) for masked in masks) < 0.02

    @pytest.mark.parametrize("rate", [1, 2, 5])
    def test_where_frames_are_seconds_apart_each_is_a_keyframe(self, rate: int) -> None:
        fast = replace(HAIR, step=(35, 5))
        frames = [replace(frame, time_base=Fraction(1, rate)) for frame in scene([fast], 10)]
        parser = PeopleParser([fast])
        masks = mask(parser, frames, hidden=frozenset({"hair"}))
        assert parser.asked == list(range(10))
        assert max(visible(fast, masked) for masked in masks) == 0

    def test_a_swinging_arm_of_a_person_stays_covered(self) -> None:
        """The torso is most of the mask, and hardly moves."""

        def walker(index: int) -> list[Shape]:
            swing = round(14 * np.sin(index * 2 * np.pi / SECOND))
            return [
                Shape("human", 0, (200 + index, 80, 60, 110)),
                Shape("human", 0, (190 + index - swing, 100, 24, 60)),
                Shape("human", 0, (246 + index + swing, 100, 24, 60)),
            ]

        frames = [scene(walker(n), 1)[0] for n in range(COUNT)]
        frames = [replace(frame, index=n, pts=n) for n, frame in enumerate(frames)]
        masks = mask(WholePerson(walker), frames, hidden=frozenset({"human"}))
        shown = [
            max(visible_at(shape, masked) for shape in walker(n)) for n, masked in enumerate(masks)
        ]
        assert max(shown) < 0.15
        assert np.mean(shown) < 0.02

    def test_a_newcomer_does_not_take_over_somebodys_mask(self) -> None:
        """A is missed at a keyframe at which B has just come in beside them."""
        a = Shape("hair", 0, (100, 60, 60, 50))
        b = Shape("hair", 1, (165, 70, 60, 50))

        def there(index: int) -> list[Shape]:
            return [a] if index < SECOND else [a, b]

        def seen(index: int) -> list[Shape]:
            return [b] if index == SECOND else there(index)

        frames = [replace(scene(there(n), 1)[0], index=n, pts=n) for n in range(2 * SECOND + 5)]
        for n, frame in enumerate(frames):
            luma = frame.planes[0].copy()
            luma[:20, :20] = 40 + 3 * n  # never quiet
            frames[n] = replace(frame, planes=(luma, *frame.planes[1:]))
        masks = mask(PeopleParser(seen), frames)
        assert max(visible(a, masked) for masked in masks) < 0.02


class TestPeople:
    def test_faces_and_parts_are_one_mask_of_one_person(self) -> None:
        """The face is where the hair's lower half is."""

        def see(frame: Frame, _look: object) -> list[object]:
            x, y = HAIR.at(frame.index)
            return [face(Box(x + 10, y + 15, 40, 50))]

        masks = mask(
            PeopleParser([HAIR]),
            scene([HAIR], COUNT),
            hidden=frozenset({"face", "hair"}),
            faces=StubParser(see),  # type: ignore[arg-type]
        )
        for masked in masks[1:]:
            assert isinstance(masked.parts, tuple)
            assert {part.label for part in masked.parts} == {"face", "hair"}
            assert len({part.person for part in masked.parts}) == 1

    def test_two_people_have_two_numbers_that_stay(self) -> None:
        arm = replace(ARM, step=(-1, 1))
        masks = mask(PeopleParser([HAIR, arm]), scene([HAIR, arm], COUNT))
        numbers = {
            label: {p.person for m in masks for p in m.parts if p.label == label}  # type: ignore[union-attr]
            for label in ("hair", "left-arm")
        }
        assert all(len(found) == 1 for found in numbers.values())
        assert numbers["hair"] != numbers["left-arm"]

    def test_hair_on_somebodys_shoulder_does_not_hide_their_body(self) -> None:
        """A's hair hangs over B's torso; the scope hides heads."""
        hair = Shape("hair", 0, (200, 60, 40, 70))
        torso = Shape("upper-clothes", 1, (180, 90, 160, 140))
        frames = scene([torso, hair], 30)
        masks = mask(PeopleParser([torso, hair]), frames, hidden=frozenset({"hair"}))
        for masked in masks:
            assert visible(hair, masked) == 0
            away = torso.inside(0).copy()
            away[:150, :265] = False  # the hair, its margin and its soft edge
            assert not changed(masked)[away].any()

    def test_two_heads_that_touch_are_both_hidden_whole(self) -> None:
        heads = [
            Shape(label, person, (x, y, width, height), (1, 0))
            for person, left in ((0, 150), (1, 200))
            for label, x, y, width, height in (
                ("face", left + 5, 90, 40, 50),
                ("hair", left, 70, 50, 40),
            )
        ]
        masks = mask(PeopleParser(heads), scene(heads, COUNT), hidden=frozenset({"face", "hair"}))
        for masked in masks:
            assert max(visible(part, masked) for part in heads) < 0.02

    def test_a_whole_person_is_hidden_once(self) -> None:
        human = Shape("human", 0, (100, 40, 90, 200), (1, 0))
        arm = Shape("left-arm", 0, (110, 100, 30, 60), (1, 0))
        alone = Shape("left-arm", 1, (300, 100, 30, 60), (1, 0))
        masks = mask(
            PeopleParser([human, arm, alone]), scene([human, arm, alone], 30), hidden=PARSED
        )
        for masked in masks:
            assert sorted(p.label for p in masked.parts) == ["human", "left-arm"]  # type: ignore[union-attr]
            assert max(visible(shape, masked) for shape in (human, arm, alone)) < 0.02

    def test_other_parts_stay_as_they_are(self) -> None:
        masks = mask(PeopleParser([HAIR, ARM]), scene([HAIR, ARM], 30), hidden=frozenset({"hair"}))
        assert all(visible(ARM, masked) == 1 for masked in masks)


class TestBesideALiveStream:
    def test_a_late_answer_is_carried_forward_to_now(self) -> None:
        answered, started = threading.Event(), threading.Event()

        def wait(_index: int) -> None:
            started.set()
            assert answered.wait(WAIT)

        def pace(frame: Frame) -> None:
            if frame.index == 1:
                assert started.wait(WAIT)
            if frame.index == 12:  # the answer for frame 0 comes while frame 12 is looked at
                answered.set()
                wait_until(lambda: parser.asked == [0])

        parser = PeopleParser([HAIR], before=wait)
        masks = mask(
            parser, scene([HAIR], 24), hidden=frozenset({"hair"}), live=True, paced=pace,
            masking__lookahead=0,
        )  # fmt: skip
        assert all(masked.parts is Unknown.NOT_PARSED for masked in masks[:12])
        told = [masked for masked in masks if masked.parts is not Unknown.NOT_PARSED]
        assert told
        assert all(visible(HAIR, masked) < 0.02 for masked in told)

    def test_what_the_face_engine_covers_is_not_hidden_whole_meanwhile(self) -> None:
        release = threading.Event()
        parser = PeopleParser([HAIR], before=lambda _index: release.wait(WAIT))
        masks = mask(
            parser, scene([HAIR], 5), hidden=frozenset({"face", "head", "hair"}), live=True,
            paced=lambda frame: release.set() if frame.index == 4 else None, masking__lookahead=0,
        )  # fmt: skip
        assert all(isinstance(masked.parts, tuple) for masked in masks)

    def test_an_answer_from_before_a_cut_is_void(self) -> None:
        release = threading.Event()

        def pace(frame: Frame) -> None:
            if frame.index == 6:
                release.set()
                wait_until(lambda: bool(parser.asked))

        frames = scene([HAIR], 12)
        frames[3] = replace(frames[3], discontinuity=True)
        parser = PeopleParser([HAIR], before=lambda _index: release.wait(WAIT))
        masks = mask(
            parser, frames, hidden=frozenset({"hair"}), live=True, paced=pace, masking__lookahead=0
        )
        assert all(masked.parts is Unknown.NOT_PARSED for masked in masks[:7])

    def test_a_failing_parser_ends_the_stream(self) -> None:
        def fails(_index: int) -> None:
            raise RuntimeError("out of luck")

        parser = PeopleParser([HAIR], before=fails)
        with pytest.raises(ParserError, match="people failed"):
            mask(
                parser, scene([HAIR], 400), hidden=frozenset({"hair"}), live=True,
                paced=lambda _frame: threading.Event().wait(0.01), masking__lookahead=0,
            )  # fmt: skip

    def test_a_parser_that_hangs_hides_everything_and_then_ends_the_stream(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        release = threading.Event()
        still = replace(HAIR, step=(0, 0))

        def pace(frame: Frame) -> None:
            if frame.index == 2:
                wait_until(lambda: parser.asked == [0])
            sleep(0.001)

        def hang(index: int) -> None:
            if index:
                release.wait(WAIT)

        parser = PeopleParser([still], before=hang)
        frames = scene([still], 10 * SECOND)
        masks: list[MaskedFrame] = []
        stream = Masker(
            StubParser(nobody),
            frozenset({"hair"}),
            load_settings(None, {"masking.lookahead": 0, "pipeline.stall": 8}),
            replace(make_info(WIDTH, HEIGHT), live=True),
            body_parser=parser,
        )

        def paced() -> Iterator[Frame]:
            for frame in frames:
                pace(frame)
                luma = frame.planes[0].copy()
                luma[:20, :20] = 40 + frame.index % 50 * 3  # never quiet
                yield replace(frame, planes=(luma, *frame.planes[1:]))

        with pytest.raises(ParserError, match="has not answered for"):  # noqa: PT012
            threading.Timer(4.0, release.set).start()
            masks.extend(stream.masks(paced()))
        hung = [m for m in masks if m.frame.time > 6.0]
        assert hung
        assert all(masked.parts is Unknown.NOT_PARSED for masked in hung)

    def test_the_thread_ends_with_the_stream_even_if_nobody_reads_on(self) -> None:
        masker = Masker(
            StubParser(nobody),
            frozenset({"face"}),
            load_settings(None, {"masking.lookahead": 0}),
            replace(make_info(WIDTH, HEIGHT), live=True),
            body_parser=PeopleParser([HAIR]),
        )
        stream = masker.masks(iter(scene([HAIR], 10)))
        next(stream)
        stream.close()  # type: ignore[attr-defined]
        assert not [t for t in threading.enumerate() if t.name == "stream_anon parse"]


@pytest.mark.parametrize("answer", [None, "parts", [None]])
def test_nonsense_from_the_body_parser_is_an_error(answer: object) -> None:
    parser = PeopleParser([HAIR])
    parser.parse = lambda _frame, _look: answer  # type: ignore[method-assign, assignment, return-value]
    with pytest.raises(ParserError):
        mask(parser, scene([HAIR], 3))
