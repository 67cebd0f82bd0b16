"""Zones: polygons that are hidden in every frame, and those in which nobody is."""

from __future__ import annotations

import math
import re
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_anon.config import Redaction, Zone, load_settings
from stream_anon.core.frame import ColorTags
from stream_anon.core.parts import INSIDE as INSIDE_MASK
from stream_anon.core.parts import Box, Part
from stream_anon.core.redacted import MaskedFrame, Unknown
from stream_anon.detectors.registry import BUILT_IN
from stream_anon.errors import ConfigError
from stream_anon.masking.polygon_masks import grid_of, polygon_mask
from stream_anon.masking.tracks_file import TracksFile, load_tracks
from stream_anon.masking.tracks_masker import TracksMasker
from stream_anon.masking.tracks_recorder import TracksRecorder
from stream_anon.masking.zones import InPicture, ZonedMasks, Zones, overlap
from stream_anon.pipeline.live.controls import Controls
from stream_anon.pipeline.report import Summary
from stream_anon.pipeline.rules import rules_by_label, told_apart
from stream_anon.redaction.redactor import Redactor
from tests.inference_context import context_with, drain_chosen, feed, live_settings, running
from tests.people import PeopleParser, Shape, scene
from tests.stubs import (
    StubParser,
    covers,
    face,
    flickering_frames,
    make_frame,
    make_info,
    masker_of,
    masks_of,
    moving,
    nobody,
    regions_of,
    sees,
    shifted_frames,
    stub_row,
    truth,
)

DOOR = {"name": "door", "points": [[0.7, 0.2], [0.9, 0.2], [0.9, 0.8], [0.7, 0.8]]}
POSTER = {"name": "poster", "mode": "ignore", "points": [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]}
FULL = ColorTags(full_range=True)


def zone(**values: Any) -> Zone:
    return Zone.model_validate({**DOOR, **values})


def redaction(*zones: dict[str, Any], **more: Any) -> Redaction:
    return Redaction.model_validate({"zones": list(zones), **more})


def redactor(chosen: Redaction) -> Redactor:
    rules = rules_by_label(chosen, frozenset({"face"}), BUILT_IN.values())
    return Redactor(chosen, FULL, rules=rules)


def exported(folder: Path, *parts: Part) -> TracksFile:
    """What a run writes that hides these in a frame."""
    path = folder / "tracks.json"
    with closing(TracksRecorder(folder)) as recorder:
        recorder.add(0, parts)
        path.write_text("".join(recorder.text(make_info(640, 360), None)))
    return load_tracks(path)


OUTLINES = {
    "triangle": [[0.1, 0.1], [0.9, 0.3], [0.4, 0.8]],
    "concave": [[0.1, 0.1], [0.9, 0.1], [0.5, 0.4], [0.9, 0.9], [0.1, 0.9]],
    "sliver": [[0.0, 0.0], [1.0, 0.99], [1.0, 1.0]],
    "rectangle": DOOR["points"],
    "tiny": [[0.5, 0.5], [0.506, 0.5], [0.503, 0.51]],
    "whole": [[0, 0], [1, 0], [1, 1], [0, 1]],
}


class TestTracksFiles:
    @pytest.mark.parametrize("outline", OUTLINES)
    def test_a_zone_comes_back_with_its_very_outline(self, outline: str, tmp_path: Path) -> None:
        (part,) = Zones([zone(points=OUTLINES[outline])], 640, 360).hidden
        file = exported(tmp_path, part, face(Box(10, 10, 30, 40)))
        assert file.stream_anon_tracks == 2
        assert [(t.label, t.shape) for t in file.tracks] == [
            ("zone:door", "polygon"), ("face", "ellipse")
        ]  # fmt: skip
        (masked,) = TracksMasker(file, make_info(640, 360)).masks([make_frame(640, 360)])
        assert isinstance(masked.parts, tuple)
        (again,) = (p for p in masked.parts if p.label == part.label)
        assert np.array_equal(again.mask >= INSIDE_MASK, part.mask >= INSIDE_MASK)
        np.testing.assert_allclose(again.box, part.box, atol=0.051)
        assert again.person == part.person

    @settings(deadline=None, max_examples=60)
    @given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=3, max_size=9))
    def test_no_zone_is_hidden_less_than_before(self, points: list[tuple[float, float]]) -> None:
        try:
            chosen = zone(points=points)
        except ValueError:
            return  # no zone
        (part,) = Zones([chosen], 640, 360).hidden
        with TemporaryDirectory() as folder:
            (track,) = exported(Path(folder), part).tracks
        if track.points is None:
            assert track.shape == "box"
            return
        again = polygon_mask(tuple(track.points), *grid_of(*track.boxes[0][3:]))
        assert again.shape == part.mask.shape
        assert ((again >= INSIDE_MASK) | (part.mask < INSIDE_MASK)).all()

    def test_what_no_polygon_makes_is_written_as_its_box(self, tmp_path: Path) -> None:
        (part,) = Zones([zone(points=OUTLINES["triangle"])], 640, 360).hidden
        two_pieces = np.zeros_like(part.mask)
        two_pieces[:, :5] = two_pieces[:, -5:] = 255
        odd = Part(part.label, part.box, two_pieces, 1.0, part.person)
        grown = Part(part.label, part.box, part.mask, 1.0, part.person, spread=3.0)
        for each in (odd, grown):
            file = exported(tmp_path, each)
            assert (file.stream_anon_tracks, file.tracks[0].shape) == (1, "box")

    def test_zones_of_one_name_and_another_outline_are_not_taken_for_one(
        self, tmp_path: Path
    ) -> None:
        one, other = (
            Zones([zone(points=OUTLINES[name])], 640, 360).hidden[0]
            for name in ("triangle", "concave")
        )
        shapes = {track.shape for track in exported(tmp_path, one, other).tracks}
        assert shapes == {"polygon", "box"}

    def test_files_of_version_1_are_read_as_before(self) -> None:
        entry = {"id": -1, "label": "zone:door", "shape": "box", "boxes": [[0, 1, 2, 30, 40]]}
        known = {"stream_anon_tracks": 1, "width": 640, "height": 360, "frames": 1}
        file = TracksFile.model_validate({**known, "tracks": [entry]})
        (masked,) = TracksMasker(file, make_info(640, 360)).masks([make_frame(640, 360)])
        assert isinstance(masked.parts, tuple)
        assert masked.parts[0].mask.min() == 255

    def test_without_a_zone_the_version_is_1(self, tmp_path: Path) -> None:
        assert exported(tmp_path, face(Box(10, 10, 30, 40))).stream_anon_tracks == 1


class TestSettings:
    def test_a_file_names_them_one_by_one(self, tmp_path: Path) -> None:
        path = tmp_path / "z.toml"
        path.write_text(
            '[redaction]\nscope = "face"\n'
            '[[redaction.zones]]\nname = "door"\npoints = [[0, 0], [1, 0], [0.5, 1]]\n'
            '[[redaction.zones]]\nname = "poster"\nmode = "ignore"\n'
            "points = [[0, 0], [1, 0], [0.5, 1]]\n"
        )
        door, poster = load_settings(path).redaction.zones
        assert (door.name, door.mode, door.method) == ("door", "hide", None)
        assert door.points == [(0, 0), (1, 0), (0.5, 1)]
        assert poster.mode == "ignore"

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            (
                {"points": [[0, 0], [1, 1]]},
                "zone 1 (door): [[0, 0], [1, 1]] has fewer than 3 corners",
            ),
            (
                {"points": [[0, 0], [1, 0], [1, 1.2]]},
                "zone 1 (door), corner 3: y is 1.2: write a share of the picture's height, 0 to 1",
            ),
            (
                {"points": [[0, 0], [-0.1, 0], [1, 1]]},
                "corner 2: x is -0.1: write a share of the picture's width, 0 to 1",
            ),
            ({"points": [[0, 0], [float("nan"), 0], [1, 1]]}, "corner 2: x is nan: write a share"),
            (
                {"points": [[0, 0], [1, 0, 1], [1, 1]]},
                "corner 2: [1, 0, 1] is not a corner: write [x, y]",
            ),
            ({"points": [[0, 0], [0.5, 0.5], [1, 1]]}, "enclose nothing"),
            ({"points": [[0, 0], [1, 1], [1, 0], [0, 1]]}, "crosses itself"),
            ({"points": "everywhere"}, "points is 'everywhere': write [[x, y], [x, y], [x, y]]"),
            ({"points": [[0, 0]] * 101}, "it has 101 corners: write at most 100"),
            ({"points": [["left", 0], [1, 0], [1, 1]]}, "corner 1: x is 'left': write a share"),
            ({"points": [[0, 0], [640, 0], [640, 360]]}, "corner 2: x is 640: write a share"),
            ({"points": [[0], [1, 0], [1, 1]]}, "corner 1: [0] is not a corner"),
            ({"points": [5, [1, 0], [1, 1]]}, "corner 1: 5 is not a corner"),
            ({"name": 3}, "zone 1: name is 3: write text in quotes"),
            ({"name": "x" * 61}, "write at most 60 characters"),
            ({"colour": "red"}, "unknown key 'colour': keys are name, points, mode, method"),
            ({"mode": "blur"}, "'hide' or 'ignore'"),
            ({"name": ""}, "zone 1: name is '': it may not be empty"),
            ({"name": "a\nb"}, "leave out line breaks"),
            ({"mode": "ignore", "method": "fill"}, "hides nothing: leave its method out"),
            ({"pionts": []}, "zone 1 (door): unknown key 'pionts': did you mean points?"),
        ],
    )
    def test_what_is_wrong_with_one_is_said_in_one_line(
        self, wrong: dict[str, Any], said: str
    ) -> None:
        with pytest.raises(ConfigError, match=re.escape(said)) as caught:
            load_settings(None, {"redaction.zones": [{**DOOR, **wrong}]})
        assert "redaction.zones" in str(caught.value)
        assert "\n" not in str(caught.value)
        assert "input should" not in str(caught.value)

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("[redaction.zones]\nname = 'a'\n", "begin each zone with [[redaction.zones]]"),
            ("[redaction]\nzones = 'door'\n", "begin each zone with [[redaction.zones]]"),
            ("[redaction]\nzones = [1]\n", "zone 1: write keys with values"),
            ("[[redaction.zones]]\nname = 'a'\n", "zone 1 (a): it has no points"),
            ("[[redaction.zones]]\npoints = []\n", "zone 1 has no name: add it"),
            ("[[zones]]\nname = 'a'\n", "unknown setting zones"),
        ],
    )
    def test_what_is_wrong_in_a_file_is_said_with_its_name(
        self, tmp_path: Path, text: str, said: str
    ) -> None:
        path = tmp_path / "z.toml"
        path.write_text(text)
        with pytest.raises(ConfigError, match=re.escape(said)) as caught:
            load_settings(path)
        assert f" in {path}: " in str(caught.value)

    def test_two_of_one_name_are_refused(self) -> None:
        with pytest.raises(ConfigError, match="two zones are named door"):
            load_settings(None, {"redaction.zones": [DOOR, DOOR]})

    def test_an_unknown_method_is_refused_and_named(self) -> None:
        chosen = redaction({**DOOR, "method": "bur"})
        with pytest.raises(
            ConfigError, match=r"redaction\.zones\.door is 'bur': did you mean blur"
        ):
            rules_by_label(chosen, frozenset({"face"}), BUILT_IN.values())

    def test_they_are_no_body_parts_with_a_rule(self) -> None:
        chosen = redaction({**DOOR, "method": "fill"})
        rules = rules_by_label(chosen, frozenset({"human"}), BUILT_IN.values())
        assert told_apart(rules) == frozenset()


corners = st.lists(
    st.tuples(st.floats(0, 2 * math.pi), st.floats(0.05, 0.5)),
    min_size=3,
    max_size=9,
    unique_by=lambda corner: round(corner[0], 2),
)


def star(corners: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """A polygon around the middle of the picture that does not cross itself."""
    return [
        (0.5 + far * math.cos(angle), 0.5 + far * math.sin(angle)) for angle, far in sorted(corners)
    ]


def inside(points: list[tuple[float, float]], width: int, height: int) -> np.ndarray[Any, Any]:
    """Pixels whose middle lies in a polygon: an odd number of sides to the left of it."""
    y, x = np.mgrid[:height, :width] + 0.5
    odd = np.zeros((height, width), bool)
    placed = [(u * width, v * height) for u, v in points]
    for (ax, ay), (bx, by) in zip(placed, placed[1:] + placed[:1], strict=True):
        if ay != by:
            crosses = (ay > y) != (by > y)
            odd ^= crosses & (x < (bx - ax) * (y - ay) / (by - ay) + ax)
    return odd


class TestHidden:
    @settings(max_examples=40)
    @given(corners, st.sampled_from([(128, 96), (97, 61), (640, 48), (31, 200), (700, 500)]))
    def test_every_pixel_of_a_polygon_is_opaque(
        self, drawn: list[tuple[float, float]], size: tuple[int, int]
    ) -> None:
        points = star(drawn)
        try:
            chosen = redaction({**DOOR, "points": points}, method="fill", color="#000000")
        except ValueError:
            return  # it encloses nothing
        width, height = size
        frame = make_frame(width, height, value=200)
        masked = Zones(chosen.zones, width, height).applied(MaskedFrame(frame, ()))
        luma = redactor(chosen).redact(masked).planes[0]
        assert not luma[inside(points, width, height)].any()

    def test_hardly_anything_is_hidden_beside_it(self) -> None:
        chosen = redaction(DOOR, method="fill", color="#000000")
        frame = make_frame(1000, 800, value=200)
        masked = Zones(chosen.zones, 1000, 800).applied(MaskedFrame(frame, ()))
        luma = redactor(chosen).redact(masked).planes[0]
        assert (luma[:, :660] == 200).all()
        assert (luma[:130] == 200).all()

    def test_they_are_in_every_frame_though_nobody_is_seen(self) -> None:
        frames = flickering_frames(30)
        masks = masks_of(StubParser(nobody), frames, redaction__zones=[DOOR])
        assert [[part.label for part in m.parts] for m in masks] == [["zone:door"]] * 30  # type: ignore[union-attr]
        box = Box(0.7 * 320, 0.2 * 192, 0.2 * 320, 0.6 * 192)
        assert all(covers(masked, box) for masked in masks)

    def test_whoever_is_seen_is_hidden_as_without_them(self) -> None:
        plain = masks_of(sees(), moving())
        zoned = masks_of(sees(), moving(), redaction__zones=[DOOR])
        without = [m.parts[:-1] for m in zoned]  # type: ignore[index]
        assert [[(p.label, p.box) for p in parts] for parts in without] == [
            [(p.label, p.box) for p in m.parts]  # type: ignore[union-attr]
            for m in plain
        ]

    def test_a_frame_that_is_hidden_whole_stays_so(self) -> None:
        masked = MaskedFrame(make_frame(), Unknown.PARSER_FAILED)
        assert Zones([zone()], 128, 96).applied(masked) is masked

    def test_each_has_its_own_method(self) -> None:
        other = {**DOOR, "name": "desk", "points": [[0, 0], [0.3, 0], [0.3, 0.5], [0, 0.5]]}
        chosen = redaction({**DOOR, "method": "fill"}, other, method="blur", color="#000000")
        frame = make_frame(200, 100, value=200)
        masked = Zones(chosen.zones, 200, 100).applied(MaskedFrame(frame, ()))
        luma = redactor(chosen).redact(masked).planes[0]
        assert not luma[30:70, 145:175].any()
        assert (luma[10:40, 10:50] > 100).all()

    def test_masks_that_exist_already_get_them_once(self) -> None:
        file = TracksFile.model_validate(
            {
                "width": 128, "height": 96, "frames": 2,
                "tracks": [{"id": 3, "label": "face", "boxes": [[0, 1, 2, 30, 40]]}],
            }
        )  # fmt: skip
        zones = Zones([zone(), zone(name="desk")], 128, 96)
        masks = ZonedMasks(TracksMasker(file, make_info()), zones)
        frames = [make_frame(index=index) for index in range(3)]
        found = regions_of(list(ZonedMasks(masks, zones).masks(frames)))
        labels = [[label for label, _, _ in parts] for parts in found[:2]]  # type: ignore[attr-defined]
        assert labels == [["face", "zone:door", "zone:desk"], ["zone:door", "zone:desk"]]
        assert found[2] is Unknown.NOT_IN_TRACKS

    def test_they_are_nobody(self) -> None:
        zones, summary = Zones([zone()], 128, 96), Summary()
        for parts in ((), (face(Box(1, 2, 30, 40)),)):
            summary.count(zones.applied(MaskedFrame(make_frame(), parts)), None)
        assert summary.people == [0, 1]


LEFT_HALF = Box(0, 0, 160, 192)
"""Of `moving()`: what `POSTER` covers."""


def share_in(box: Box, half: Box = LEFT_HALF) -> float:
    return box.overlap(half) / box.area


class TestIgnored:
    @given(corners, st.floats(-20, 120), st.floats(-20, 90), st.floats(1, 90), st.floats(1, 90))
    def test_the_overlap_of_a_polygon_and_a_box_is_what_its_pixels_say(
        self, drawn: list[tuple[float, float]], x: float, y: float, width: float, height: float
    ) -> None:
        points = star(drawn)
        box = Box(round(x), round(y), round(width), round(height))
        pixels = inside(points, 128, 96)
        left, top = max(0, int(box.x)), max(0, int(box.y))
        right, bottom = max(0, int(box.x + box.width)), max(0, int(box.y + box.height))
        counted = float(pixels[top:bottom, left:right].sum())
        placed = [(u * 128, v * 96) for u, v in points]
        length = sum(math.dist(a, b) for a, b in zip(placed, placed[1:] + placed[:1], strict=True))
        assert overlap(placed, box) == pytest.approx(counted, abs=length + 4)

    def test_whoever_is_in_one_is_not_hidden_and_all_others_are(self) -> None:
        on_poster, beside = Box(40, 50, 60, 72), Box(230, 50, 60, 72)
        parser = StubParser(lambda _f, _p: [face(on_poster), face(beside, person=1)])
        masks = masks_of(parser, flickering_frames(20), redaction__zones=[POSTER])
        assert all(covers(masked, beside) for masked in masks)
        assert not any(covers(masked, on_poster, 0.01) for masked in masks)

    @pytest.mark.parametrize(("x", "hidden"), [(115, False), (121, True), (180, True)])
    def test_a_third_outside_is_enough_to_be_hidden(self, x: float, hidden: bool) -> None:
        box = Box(x, 50, 60, 72)
        masks = masks_of(
            StubParser(lambda _f, _p: [face(box)]), flickering_frames(12), redaction__zones=[POSTER]
        )
        assert [covers(masked, box) for masked in masks] == [hidden] * 12

    def test_whoever_comes_out_is_hidden_as_soon_as_a_third_of_them_is_out(self) -> None:
        frames = moving()  # from x = 60 to 177, in steps of 3
        masks = masks_of(sees(), frames, redaction__zones=[POSTER])
        for masked in masks:
            box = truth(masked.frame)
            if abs(share_in(box) - 2 / 3) > 0.05:  # in between frames there is some doubt
                assert covers(masked, box) == (share_in(box) < 2 / 3), masked.frame.index
        assert {covers(masked, truth(masked.frame)) for masked in masks} == {True, False}

    @pytest.mark.parametrize("interval", [1, 3])
    def test_whoever_passes_by_stays_hidden(self, interval: int) -> None:
        """They come from the right, walk in front of the poster and out again."""
        frames = shifted_frames(40, (-2, 0))

        def where(index: int) -> Box:
            return Box(170 - 2 * index, 50, 60, 72)

        parser = StubParser(lambda f, _p: [face(where(f.index))])
        masks = masks_of(parser, frames, redaction__zones=[POSTER], keyframes__interval=interval)
        assert share_in(where(39)) > 0.9
        assert all(covers(masked, where(masked.frame.index), 0.8) for masked in masks)

    def test_whoever_was_seen_outside_stays_known_when_zones_are_set_again(self) -> None:
        zones = Zones([zone(**POSTER)], 320, 192)
        outside, inside_it = Box(200, 50, 60, 72), Box(40, 50, 60, 72)
        for _ in range(2):
            assert zones.ignored([InPicture(3, "face 3", outside, detected=True)]) == frozenset()
        again = Zones([zone(**POSTER)], 320, 192, before=zones)
        seen = [InPicture(3, "face 3", inside_it, detected=True)]
        assert again.ignored(seen) == frozenset()
        assert Zones([zone(**POSTER)], 320, 192).ignored(seen) == {3}, "nothing was seen outside"

    def test_whoever_gets_another_number_stays_known(self) -> None:
        zones = Zones([zone(**POSTER)], 320, 192)
        outside, inside_it = Box(200, 50, 60, 72), Box(40, 50, 60, 72)
        for _ in range(2):
            zones.ignored([InPicture(3, "face 3", outside, detected=True)])
        renamed = [InPicture(8, "face 3", inside_it, detected=True)]
        assert zones.ignored(renamed) == frozenset()

    def test_what_a_record_has_of_a_zone_of_the_same_name_stays_where_it_differs(self) -> None:
        whole = {"name": "a", "points": [[0, 0], [1, 0], [1, 1], [0, 1]]}
        half = {"name": "a", "points": [[0, 0], [1, 0], [0, 1]]}
        before, now = (Zones([zone(**points)], 128, 128) for points in (whole, half))
        masked = MaskedFrame(make_frame(128, 128), before.hidden)
        assert now.applied(masked).parts == (*before.hidden, *now.hidden)
        assert before.applied(masked).parts == before.hidden

    def test_one_detection_that_slips_out_hides_that_frame_alone(self) -> None:
        inside_it, slipped = Box(90, 50, 60, 72), Box(125, 50, 60, 72)
        parser = StubParser(lambda f, _p: [face(slipped if f.index == 8 else inside_it)])
        masks = masks_of(
            parser, flickering_frames(20), redaction__zones=[POSTER], keyframes__interval=1,
            keyframes__still=0.0,
        )  # fmt: skip
        hidden = [masked.frame.index for masked in masks if masked.parts]
        assert 8 in hidden
        assert 0 not in hidden
        assert 19 not in hidden

    def test_the_mask_of_somebody_beside_it_stays_whole(self) -> None:
        """Most of the mask lies in the zone; the face itself does not."""
        box = Box(130, 50, 60, 72)
        plain, zoned = (
            masks_of(
                StubParser(lambda _f, _p: [face(box)]),
                flickering_frames(12),
                redaction__zones=zones,
            )
            for zones in ([], [POSTER])
        )
        assert regions_of(zoned) == regions_of(plain)

    def test_where_both_lie_it_is_hidden(self) -> None:
        everywhere = {"name": "all", "points": [[0, 0], [1, 0], [1, 1], [0, 1]]}
        ignored = {**everywhere, "name": "none", "mode": "ignore"}
        masks = masks_of(
            sees(), moving(6), redaction__zones=[{**everywhere, "method": "fill"}, ignored]
        )
        assert all(covers(masked, Box(0, 0, 320, 192), 1.0) for masked in masks)

    def test_two_zones_do_not_add_up(self) -> None:
        """In doubt it is hidden: whoever lies half in one and half in the other is in neither."""
        left = {**POSTER, "points": [[0, 0], [0.28, 0], [0.28, 1], [0, 1]]}
        right = {**POSTER, "name": "b", "points": [[0.28, 0], [1, 0], [1, 1], [0.28, 1]]}
        masks = masks_of(
            StubParser(lambda _f, _p: [face(Box(60, 50, 60, 72))]),
            flickering_frames(4),
            redaction__zones=[left, right],
        )
        assert all(masked.parts for masked in masks)

    def test_a_face_cut_by_the_frame_counts_as_far_as_it_can_be_seen(self) -> None:
        box = Box(-40, 50, 60, 72)
        masks = masks_of(
            StubParser(lambda _f, _p: [face(box)]), flickering_frames(4), redaction__zones=[POSTER]
        )
        assert not any(masked.parts for masked in masks)

    def test_a_body_is_ignored_as_a_whole_or_not_at_all(self) -> None:
        """The arm of somebody beside the poster reaches into it."""
        shapes = [
            Shape("torso-skin", 0, (260, 60, 90, 120)),
            Shape("left-arm", 0, (150, 80, 80, 30)),
            Shape("torso-skin", 1, (40, 60, 90, 120)),
        ]
        hidden = frozenset({"torso-skin", "left-arm"})
        masker = masker_of(
            StubParser(nobody), make_info(480, 270), {"redaction.zones": [POSTER]}, hidden=hidden,
            bodies=PeopleParser(shapes),
        )  # fmt: skip
        masks = list(masker.masks(scene(shapes, 8)))
        assert all(isinstance(masked.parts, tuple) for masked in masks)
        found = [sorted(part.label for part in masked.parts) for masked in masks]  # type: ignore[union-attr]
        assert found == [["left-arm", "torso-skin"]] * 8

    def test_no_body_is_made_up_below_an_ignored_face(self) -> None:
        on_poster = Box(40, 50, 60, 72)
        body = Shape("human", 0, (300, 60, 100, 180))
        masker = masker_of(
            StubParser(lambda _f, _p: [face(on_poster)]), make_info(480, 270),
            {"redaction.zones": [POSTER], "live.lookahead": 0.0},
            hidden=frozenset({"human", "face"}), bodies=PeopleParser([body]), live=True,
        )  # fmt: skip
        known: list[tuple[Part, ...]] = []
        try:
            for frame in scene([body], 40):
                masker.take(frame)
                parts = masker.release().parts
                if not isinstance(parts, Unknown):
                    known.append(parts)
        finally:
            masker.close()
        assert known
        assert not any(part.box.overlap(on_poster) for parts in known for part in parts)


class TestLive:
    def test_a_reload_is_logged_and_takes_them_all_or_none(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        keys = Controls(Redaction(), [stub_row()], debug=False)
        keys.reload(redaction({**DOOR, "method": "fill"}, POSTER))
        assert "zone door hidden with fill; zone poster ignored" in caplog.text
        assert keys.choice.rules["zone:door"].method == "fill"
        before = keys.choice
        with pytest.raises(ConfigError):
            keys.reload(redaction({**DOOR, "method": "stare"}))
        assert keys.choice == before
        keys.press("m")
        assert [zone.name for zone in keys.choice.redaction.zones] == ["door", "poster"]

    @pytest.mark.slow
    @pytest.mark.realtime
    def test_they_are_in_force_from_the_start_and_change_with_the_choice(self) -> None:
        context = context_with(sees, live_settings(redaction__zones=[DOOR]))
        with running(context):
            feed(context, moving()[:10])
            first = drain_chosen(context, 10)
            context.controls.reload(redaction(POSTER))
            feed(context, moving()[10:20])
            second = drain_chosen(context, 10)
        found = [[part.label for part in chosen.masked.parts] for chosen in (*first, *second)]  # type: ignore[union-attr]
        assert found == [["face", "zone:door"]] * 10 + [[]] * 10

    @pytest.mark.slow
    @pytest.mark.realtime
    def test_after_a_parser_failed_they_are_still_in_force(self) -> None:
        broken = StubParser(lambda _f, _p: [1 / 0])  # type: ignore[list-item]
        parsers = iter([broken, sees()])
        context = context_with(lambda: next(parsers), live_settings(live__backoff=0.05))
        context.controls.reload(redaction(DOOR))
        with running(context):
            feed(context, moving())
            context.frames.close()
            got = drain_chosen(context, 40)
        for chosen in got:
            parts = chosen.masked.parts
            assert isinstance(parts, Unknown) or parts[-1].label == "zone:door"
        assert {isinstance(chosen.masked.parts, Unknown) for chosen in got} == {True, False}
