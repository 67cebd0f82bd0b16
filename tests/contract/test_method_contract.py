"""What every method of hiding promises; each row of the registry is put through all of it."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from stream_anon.config import Redaction
from stream_anon.core.frame import ColorTags, Frame
from stream_anon.core.parts import INSIDE, Box, Part
from stream_anon.core.redacted import MaskedFrame
from stream_anon.detectors.shapes import ellipse, full_box
from stream_anon.redaction import registry
from stream_anon.redaction.kept import KeptOfTracks
from stream_anon.redaction.redactor import Redactor
from stream_anon.redaction.registry import METHODS, Method, method_named, method_names
from tests.stubs import make_frame
from tests.toys.stripes import METHOD as STRIPES

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from stream_anon.core.frame import Plane, Planes
    from stream_anon.redaction.spot import Spot

EDGE = 0.12
SECRET = 7
MOST_CELLS = 5
"""Cells across a part, at its edges too: noise may show through as much as their means tell."""


def part(box: Box, *, person: int = 0, spread: float = 0.0, round_: bool = False) -> Part:
    mask = ellipse() if round_ else full_box()
    return Part("face", box, mask, 0.9, person, spread)


SCENES: dict[str, tuple[int, int, list[Part]]] = {
    "in the middle": (200, 160, [part(Box(60, 40, 64, 80))]),
    "round, between pixels": (200, 160, [part(Box(60.3, 40.7, 63.1, 80.9), round_=True)]),
    "spread": (200, 160, [part(Box(80, 60, 30, 40), spread=12.5)]),
    "over the top left": (201, 161, [part(Box(-20, -30, 64, 64))]),
    "over the bottom right": (201, 161, [part(Box(170, 130, 64, 64), round_=True)]),
    "odd sizes": (199, 163, [part(Box(31, 17, 51, 67))]),
    "overlapping": (
        200,
        160,
        [part(Box(30, 40, 60, 70)), part(Box(60, 60, 80, 60), person=1, round_=True)],
    ),
    "one inside another": (
        200,
        160,
        [part(Box(40, 20, 110, 120), round_=True), part(Box(70, 50, 30, 30), person=-1)],
    ),
    "three that touch": (
        200,
        160,
        [part(Box(20 + 40 * n, 40, 40, 60), person=n) for n in range(3)],
    ),
    "the whole frame": (65, 49, [part(Box(-500, -500, 1000, 1000))]),
    "one pixel": (1, 1, [part(Box(0, 0, 1, 1))]),
    "one column": (1, 40, [part(Box(0, 10, 1, 20))]),
    "one row": (41, 1, [part(Box(10, 0, 20, 1))]),
    "smaller than a pixel": (20, 20, [part(Box(9.4, 9.4, 0.3, 0.2))]),
    "off the frame": (65, 49, [part(Box(500, 500, 30, 30)), part(Box(-90, 0, 30, 30))]),
}
READING = {"pixelate", "gaussian", "noise", "stylize"}
LARGE = "in the middle", "overlapping", "over the top left"
"""Scenes with enough pixels inside to measure a correlation."""


def inside(found: Part, shape: tuple[int, ...], scale: float) -> NDArray[np.bool_]:
    """Pixels of a plane whose middle lies on the part's mask."""
    rows, columns = (np.mgrid[0 : shape[0], 0 : shape[1]] + 0.5) / scale
    height, width = found.mask.shape
    x = np.floor((columns - found.box.x) / found.box.width * width).astype(int)
    y = np.floor((rows - found.box.y) / found.box.height * height).astype(int)
    on_it = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    mask = found.mask[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)] >= INSIDE
    return np.asarray(on_it & mask, bool)


def outside(found: Part, shape: tuple[int, ...], scale: float) -> NDArray[np.bool_]:
    """Pixels of a plane that lie beyond the part's soft rim, however its samples are rounded."""
    rim = found.spread + 2 * EDGE * max(found.box.width, found.box.height) + 4
    box = found.box.grown(rim + found.box.width / 8, rim + found.box.height / 8)
    rows, columns = (np.mgrid[0 : shape[0], 0 : shape[1]] + 0.5) / scale
    far = (
        (columns < box.x - 2)
        | (columns > box.x + box.width + 2)
        | (rows < box.y - 2)
        | (rows > box.y + box.height + 2)
    )
    return np.asarray(far, bool)


def of_planes(
    parts: list[Part],
    planes: Planes,
    where: Callable[[Part, tuple[int, ...], float], NDArray[np.bool_]],
) -> list[list[NDArray[np.bool_]]]:
    """For each plane, the mask of each part."""
    return [
        [where(found, plane.shape, scale) for found in parts]
        for plane, scale in zip(planes, (1.0, 0.5, 0.5), strict=True)
    ]


class Suite:
    """The promises, for one row that the registry has."""

    def __init__(self, method: Method, scene: str) -> None:
        self.method = method
        self.width, self.height, self.parts = SCENES[scene]
        self.frame = make_frame(self.width, self.height, pattern="noise", seed=5)
        self.safe = self.redact(self.frame)
        self.inside = [
            np.logical_or.reduce(masks) for masks in of_planes(self.parts, self.safe, inside)
        ]

    def redact(self, frame: Frame) -> Planes:
        settings = Redaction(method=self.method.name, edge=EDGE)
        redactor = Redactor(settings, ColorTags(), kept=KeptOfTracks(SECRET))
        return redactor.redact(MaskedFrame(frame, tuple(self.parts))).planes

    def changed(self, seed: int) -> Frame:
        """The frame with other pixels inside, and the same ones everywhere else."""
        noise = make_frame(self.width, self.height, pattern="noise", seed=seed)
        planes = [
            np.where(mask, new, old)
            for mask, new, old in zip(self.inside, noise.planes, self.frame.planes, strict=True)
        ]
        return Frame((planes[0], planes[1], planes[2]), 0, 0, Fraction(1, 25))

    def run(self, *, measurable: bool) -> None:
        self.leaves_the_rest_alone()
        self.is_deterministic()
        self.depends_on_the_picture_as_declared()
        if measurable:
            self.lets_no_detail_through()

    def leaves_the_rest_alone(self) -> None:
        masks = of_planes(self.parts, self.safe, outside)
        for raw, new, beyond in zip(self.frame.planes, self.safe, masks, strict=True):
            far = np.logical_and.reduce(beyond)
            np.testing.assert_array_equal(new[far], raw[far])

    def is_deterministic(self) -> None:
        for one, other in zip(self.safe, self.redact(self.frame), strict=True):
            np.testing.assert_array_equal(one, other)

    def depends_on_the_picture_as_declared(self) -> None:
        if self.method.reads_hidden:
            return
        for seed in (11, 12):
            for one, other in zip(self.safe, self.redact(self.changed(seed)), strict=True):
                np.testing.assert_array_equal(one, other, "it reads what it hides")

    def lets_no_detail_through(self) -> None:
        for raw, new, mask in zip(self.frame.planes, self.safe, self.inside, strict=True):
            before, after = raw[mask].astype(float), new[mask].astype(float)
            assert mask.sum() > 300
            assert (before == after).mean() < 0.1, "pixels show through"
            if after.std() > 0:
                seen = abs(float(np.corrcoef(before, after)[0, 1]))
                told = len(self.parts) * MOST_CELLS**2 / mask.sum()
                assert seen < 1.5 * np.sqrt(told), "detail shows through"


def check_method(method: Method) -> None:
    """All promises, in all scenes."""
    assert method.name.isidentifier()
    assert method.help
    for scene in SCENES:
        Suite(method, scene).run(measurable=scene in LARGE)


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_every_method_keeps_the_promises(method: Method, scene: str) -> None:
    Suite(method, scene).run(measurable=scene in LARGE)


def test_the_rows_are_fit_for_settings_and_help() -> None:
    assert len(set(method_names())) == len(METHODS)
    for method in METHODS:
        assert method.name.isidentifier()
        assert 5 < len(method.help) < 60
        assert not method.help.endswith(".")


def test_the_declarations_are_what_we_say_of_them() -> None:
    assert {method.name for method in METHODS if method.reads_hidden} == READING


# -- methods of strangers -------------------------------------------------------------------------


def haze(spot: Spot) -> Plane:
    """The mean of everything that no part hides, and a shade of the track's own."""
    around = spot.plane[~spot.covered]
    level = int(around.mean()) if around.size else 128
    shade = np.random.default_rng(spot.seed).integers(-8, 9)
    return np.full(spot.opacity.shape, np.clip(level + shade, 0, 255), np.uint8)


def peeping(spot: Spot) -> Plane:
    """As `haze`, but of the frame with those parts in it that are still to be hidden."""
    return np.full(spot.opacity.shape, int(spot.plane.mean()), np.uint8)


def cells(spot: Spot) -> Plane:
    return np.asarray(spot.shown // 64 * 64, np.uint8)


def see_through(spot: Spot) -> Plane:
    return np.asarray(255 - spot.shown, np.uint8)


def changing(spot: Spot) -> Plane:
    return np.random.default_rng().integers(0, 256, spot.opacity.shape, dtype=np.uint8)


TOY = Method("haze", "the mean of the surroundings", reads_hidden=False, draw=haze)


def with_row(patch: pytest.MonkeyPatch, row: Method) -> Method:
    """All that a stranger does beside writing the method: one row."""
    patch.setattr(registry, "METHODS", (*METHODS, row))
    return row


@pytest.mark.parametrize("toy", [TOY, STRIPES], ids=lambda method: method.name)
def test_a_new_row_is_all_that_a_new_method_needs(
    monkeypatch: pytest.MonkeyPatch, toy: Method
) -> None:
    check_method(with_row(monkeypatch, toy))
    assert method_names()[-1] == toy.name


@pytest.mark.parametrize(
    "cheat",
    [
        replace(TOY, draw=peeping),
        replace(TOY, draw=cells),
        replace(TOY, draw=cells, reads_hidden=True),
        replace(TOY, draw=see_through, reads_hidden=True),
        replace(TOY, draw=changing),
        replace(method_named("pixelate"), name="haze", reads_hidden=False),
    ],
    ids=["peeping", "cells", "declared cells", "see through", "changing", "undeclared cells"],
)
def test_the_suite_finds_methods_that_break_a_promise(
    monkeypatch: pytest.MonkeyPatch, cheat: Method
) -> None:
    with pytest.raises(AssertionError):
        check_method(with_row(monkeypatch, cheat))


def test_a_method_cannot_write_into_the_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    def scribble(spot: Spot) -> Plane:
        spot.plane[:] = 0
        return spot.shown

    row = with_row(monkeypatch, replace(TOY, draw=scribble))
    with pytest.raises(ValueError, match="read-only"):
        Suite(row, "in the middle")


def test_the_seed_belongs_to_the_track(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds: dict[int, set[int]] = {}

    def note(spot: Spot) -> Plane:
        seeds.setdefault(spot.part.person, set()).add(spot.seed)
        return haze(spot)

    row = with_row(monkeypatch, replace(TOY, draw=note))
    for scene in ("three that touch", "one inside another", "in the middle"):
        Suite(row, scene)
    assert all(len(found) == 1 for found in seeds.values())
    assert len(set().union(*seeds.values())) == len(seeds) == 4
    assert min(set().union(*seeds.values())) >= 0
