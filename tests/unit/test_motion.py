"""How the picture moves: small pictures, where things went, and where a shot begins."""

from __future__ import annotations

import numpy as np
import pytest

from stream_anon.config import Keyframes
from stream_anon.core.frame import Frame
from stream_anon.core.parts import Box
from stream_anon.masking.motion import Flow, is_cut, largest_change, thumbnail
from tests.stubs import make_frame, make_plane, shifted_frames

CUT = Keyframes().cut
STILL = Keyframes().still
BOX = Box(120, 60, 60, 60)


def flow_between(before: Frame, after: Frame) -> Flow:
    return Flow(thumbnail(before), thumbnail(after))


def textured(seed: int = 0, *, value: int = 110, contrast: float = 1.0, shift: float = 0) -> Frame:
    luma = make_plane(192, 320, pattern="texture", seed=seed, value=110).astype(float)
    changed = (luma - 110) * contrast + value + shift
    return make_frame(320, 192, luma=np.clip(changed, 0, 255).astype(np.uint8))


class TestThumbnails:
    @pytest.mark.parametrize(
        ("width", "height"), [(16, 16), (17, 31), (320, 180), (1920, 1080), (1081, 1919), (3, 500)]
    )
    def test_are_small_and_keep_the_way_back(self, width: int, height: int) -> None:
        small = thumbnail(make_frame(width, height))
        assert max(small.luma.shape) <= 320
        assert min(small.luma.shape) >= 8
        assert max(width, height) / small.scale <= 320.5
        assert small.scale >= 1

    def test_change_of_one_spot_is_seen_and_noise_is_not(self) -> None:
        base = make_plane(720, 1280, pattern="texture")
        noisy = base.astype(int) + np.random.default_rng(0).integers(-3, 4, base.shape)
        moved = base.copy()
        moved[300:340, 500:540] = 255 - moved[300:340, 500:540]
        small = thumbnail(make_frame(1280, 720, luma=base))
        noise = np.clip(noisy, 0, 255).astype(np.uint8)
        assert largest_change(small, thumbnail(make_frame(1280, 720, luma=base))) == 0
        assert largest_change(small, thumbnail(make_frame(1280, 720, luma=noise))) < STILL
        assert largest_change(small, thumbnail(make_frame(1280, 720, luma=moved))) > 3 * STILL


class TestFlow:
    @pytest.mark.parametrize(
        "step", [(0, 0), (3, 0), (-3, 0), (0, 4), (0, -4), (5, -3), (-6, 6), (9, 0)]
    )
    def test_follows_a_shift_both_ways(self, step: tuple[int, int]) -> None:
        before, after = shifted_frames(2, step)
        flow = flow_between(before, after)
        truth = BOX.moved(*step)
        (forward, _), (backward, _) = flow.forward(BOX), flow.backward(truth)
        assert forward.x == pytest.approx(truth.x, abs=1.5)
        assert forward.y == pytest.approx(truth.y, abs=1.5)
        assert backward.x == pytest.approx(BOX.x, abs=1.5)
        assert backward.y == pytest.approx(BOX.y, abs=1.5)
        assert forward[2:] == backward[2:] == BOX[2:]

    @pytest.mark.parametrize("step", [(3, 2), (-5, 1)])
    def test_is_in_frame_pixels_for_large_pictures(self, step: tuple[int, int]) -> None:
        frames = [
            make_frame(1280, 768, luma=frame.planes[0].repeat(4, 0).repeat(4, 1))
            for frame in shifted_frames(2, step)
        ]
        box = Box(500, 300, 200, 200)
        forward, _ = flow_between(*frames).forward(box)
        assert forward.x - box.x == pytest.approx(4 * step[0], abs=4)
        assert forward.y - box.y == pytest.approx(4 * step[1], abs=4)

    def test_only_what_moves_moves(self) -> None:
        base = make_plane(192, 320, pattern="texture", seed=1)
        thing = make_plane(192, 320, pattern="texture", seed=2)
        frames = []
        for x in (100, 105):
            luma = base.copy()
            luma[60:130, x : x + 70] = thing[60:130, 100:170]
            frames.append(make_frame(320, 192, luma=luma))
        flow = flow_between(*frames)
        assert flow.forward(Box(100, 60, 70, 70))[0].x == pytest.approx(105, abs=1.5)
        assert flow.forward(Box(230, 60, 70, 70))[0].x == pytest.approx(230, abs=1)

    @pytest.mark.parametrize(
        "box",
        [Box(-80, -80, 40, 40), Box(310, 180, 60, 60), Box(900, 900, 9, 9), Box(5, 5, 0.1, 0.1)],
    )
    def test_boxes_anywhere_give_finite_answers(self, box: Box) -> None:
        flow = flow_between(*shifted_frames(2, (3, 1)))
        assert np.isfinite(flow.forward(box)[0]).all()
        assert np.isfinite(flow.backward(box)[0]).all()

    @pytest.mark.parametrize(("width", "height"), [(16, 16), (1, 1), (17, 200), (9, 8)])
    def test_tiny_pictures_are_no_trouble(self, width: int, height: int) -> None:
        frames = [make_frame(width, height, pattern="noise", seed=seed) for seed in (1, 2)]
        flow = flow_between(*frames)
        assert np.isfinite(flow.forward(Box(2, 2, 5, 5))[0]).all()
        assert isinstance(is_cut(flow, CUT), bool)

    def test_the_same_pictures_give_the_same_flow(self) -> None:
        before, after = shifted_frames(2, (4, 2))
        np.testing.assert_array_equal(
            flow_between(before, after).field, flow_between(before, after).field
        )


class TestCuts:
    @pytest.mark.parametrize("seed", [1, 2, 3])
    def test_another_picture_is_a_cut(self, seed: int) -> None:
        assert is_cut(flow_between(textured(0), textured(seed)), CUT)

    def test_a_cut_between_dark_pictures_is_one_too(self) -> None:
        dark = [textured(seed, value=30, contrast=0.25) for seed in (0, 1)]
        assert is_cut(flow_between(*dark), CUT)

    def test_a_cut_to_and_from_black_is_one(self) -> None:
        black = make_frame(320, 192, value=16)
        assert is_cut(flow_between(textured(), black), CUT)
        assert is_cut(flow_between(black, textured()), CUT)

    @pytest.mark.parametrize("step", [(4, 0), (-7, 3), (0, 6), (10, 0)])
    def test_a_pan_is_none(self, step: tuple[int, int]) -> None:
        flow = flow_between(*shifted_frames(2, step))
        assert not is_cut(flow, CUT)

    @pytest.mark.parametrize("shift", [-6, -3, 3, 6])
    def test_a_change_of_light_is_none(self, shift: int) -> None:
        assert not is_cut(flow_between(textured(), textured(shift=shift)), CUT)

    def test_noise_in_the_dark_is_none(self) -> None:
        rng = np.random.default_rng(0)
        noisy = [
            make_frame(320, 192, luma=rng.integers(18, 24, (192, 320), dtype=np.uint8))
            for _ in range(2)
        ]
        assert not is_cut(flow_between(*noisy), CUT)

    def test_nothing_new_is_none(self) -> None:
        assert not is_cut(flow_between(textured(), textured()), CUT)

    def test_the_threshold_counts(self) -> None:
        flow = flow_between(textured(0), textured(1))
        assert not is_cut(flow, 200)
