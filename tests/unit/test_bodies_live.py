"""Body parts of a live stream: parsed beside it, carried forward, hidden while unknown."""

from __future__ import annotations

import threading
from dataclasses import replace
from time import sleep
from typing import TYPE_CHECKING

import numpy as np
import pytest

from stream_anon.core.frame import Frame
from stream_anon.core.redacted import MaskedFrame, Unknown
from stream_anon.errors import ParserError
from tests.bodies import HAIR, SECOND, WAIT, changed, masks_with, visible, wait_until
from tests.people import HEIGHT, WIDTH, PeopleParser, Shape, scene
from tests.stubs import StubParser, make_info, masker_of, nobody

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.slow, pytest.mark.realtime]


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
        masks = masks_with(
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
        masks = masks_with(
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
        masks = masks_with(
            parser, frames, hidden=frozenset({"hair"}), live=True, paced=pace, masking__lookahead=0
        )
        assert all(masked.parts is Unknown.NOT_PARSED for masked in masks[:7])

    def test_a_failing_parser_ends_the_stream(self) -> None:
        def fails(_index: int) -> None:
            raise RuntimeError("out of luck")

        parser = PeopleParser([HAIR], before=fails)
        with pytest.raises(ParserError, match="people failed"):
            masks_with(
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
        stream = masker_of(
            StubParser(nobody), make_info(WIDTH, HEIGHT),
            {"live.lookahead": 0, "pipeline.stall": 8},
            hidden=frozenset({"hair"}), live=True, bodies=parser,
        )  # fmt: skip

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
        masker = masker_of(
            StubParser(nobody), make_info(WIDTH, HEIGHT), {"live.lookahead": 0}, live=True,
            bodies=PeopleParser([HAIR]),
        )  # fmt: skip
        stream = masker.masks(iter(scene([HAIR], 10)))
        next(stream)
        stream.close()  # type: ignore[attr-defined]
        assert not [t for t in threading.enumerate() if t.name == "stream_anon parse"]


class TestNewcomers:
    """Somebody comes in while the parser is at work on a frame from before they did."""

    BODY = Shape("upper-clothes", 1, (-100, 60, 90, 150), (9, 0))
    COMES = 12
    """In view from this frame on."""
    SEEN = 14
    """Frame that has the parser's first answer behind it."""

    def masks(self, shapes: list[Shape], faces: StubParser | None = None) -> list[MaskedFrame]:
        stop = threading.Event()
        parser = PeopleParser(shapes, before=lambda index: index and stop.wait(WAIT))

        def pace(frame: Frame) -> None:
            if frame.index == 1:
                wait_until(lambda: parser.asked == [0])
            if frame.index == 44:
                stop.set()

        return masks_with(
            parser, scene(shapes, 45), hidden=frozenset({"upper-clothes"}), live=True, paced=pace,
            faces=faces, masking__lookahead=0,
        )  # fmt: skip

    def test_a_newcomer_who_shows_no_face_is_hidden_before_the_parser_answers(self) -> None:
        known = Shape("upper-clothes", 0, (330, 90, 80, 150), (-2, 0))
        masks = self.masks([known, self.BODY])[self.SEEN :]
        told = [masked for masked in masks if isinstance(masked.parts, tuple)]
        assert len(told) > 20, "the picture is not hidden whole for it"
        assert max(visible(self.BODY, masked) for masked in told) < 0.02
        assert max(visible(known, masked) for masked in told) < 0.02
        spared = [float((~changed(masked))[:30, 420:470].mean()) for masked in told[5:]]
        assert min(spared) > 0.9, "what has not changed stays in view"

    def test_a_face_without_a_body_hides_where_its_body_must_be(self) -> None:
        head = Shape("face", 1, (-80, 40, 40, 50), (9, 0))
        faces = StubParser(
            lambda f, _detection_pass: [part] if (part := head.part(f.index)) else []
        )
        body = replace(self.BODY, box=(-100, 90, 80, 150))
        masks = self.masks([head, body], faces)[self.SEEN :]
        told = [masked for masked in masks if isinstance(masked.parts, tuple)]
        assert len(told) > 20
        parts = told[-5].parts
        assert isinstance(parts, tuple)
        assert any(p.label == "human" and p.box.height > 150 and p.mask.all() for p in parts)
        assert max(visible(body, masked) for masked in told) < 0.02

    def test_a_body_that_the_parser_misses_later_is_hidden_below_its_face(self) -> None:
        walker = Shape("upper-clothes", 0, (10, 60, 60, 150), (1, 0))
        head = Shape("face", 1, (330, 20, 40, 50))
        body = Shape("upper-clothes", 1, (310, 75, 80, 150))
        parser = PeopleParser(lambda n: [walker, head, body] if n == 0 else [walker])
        faces = StubParser(lambda f, _pass: [part] if (part := head.part(f.index)) else [])
        masks = masks_with(
            parser, scene([walker, head, body], 7 * SECOND), hidden=frozenset({"upper-clothes"}),
            live=True, paced=lambda _frame: sleep(0.002), faces=faces, masking__lookahead=0,
            masking__linger=0.2,
        )  # fmt: skip
        assert len(parser.asked) > 2
        assert max(visible(body, masked) for masked in masks) < 0.02

    def test_a_picture_that_changes_everywhere_is_hidden_whole(self) -> None:
        stop = threading.Event()
        parser = PeopleParser([HAIR], before=lambda index: index and stop.wait(WAIT))
        frames = scene([HAIR], 30)
        lit = [
            replace(
                f,
                planes=(
                    np.clip(f.planes[0] + np.uint8(min(2 * f.index, 30)), 0, 255),
                    *f.planes[1:],
                ),
            )
            for f in frames
        ]

        def pace(frame: Frame) -> None:
            if frame.index == 1:
                wait_until(lambda: parser.asked == [0])
            if frame.index == 29:
                stop.set()

        masks = masks_with(
            parser, lit, hidden=frozenset({"hair"}), live=True, paced=pace, masking__lookahead=0
        )
        whole = [m.frame.index for m in masks if m.parts is Unknown.NOT_PARSED]
        assert whole[-10:] == list(range(19, 29))

    def test_somebody_known_who_moves_leaves_no_trail(self) -> None:
        known = Shape("upper-clothes", 0, (100, 60, 90, 150), (4, 0))
        masks = self.masks([known])
        told = [m.parts for m in masks[self.SEEN :] if isinstance(m.parts, tuple)]
        assert len(told) > 20
        assert all(part.label == "upper-clothes" for parts in told for part in parts)
