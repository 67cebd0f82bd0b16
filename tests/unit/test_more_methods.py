"""Captions, avatars, differentially private cells: what each method shows, and keeps to itself."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from stream_anon.config import Redaction
from stream_anon.core.frame import ColorTags
from stream_anon.core.parts import Box
from stream_anon.core.redacted import MaskedFrame
from stream_anon.errors import ConfigError
from stream_anon.pipeline.rules import promises, warn_of_reading
from stream_anon.redaction.colors import color_levels
from stream_anon.redaction.kept import KeptOfTracks
from stream_anon.redaction.redactor import Redactor
from stream_anon.redaction.registry import METHODS
from tests.stubs import face, make_frame

if TYPE_CHECKING:
    from pathlib import Path

    from stream_anon.core.frame import Frame, Planes

FACE = Box(60, 30, 84, 108)
GREY = ColorTags()


def redact(frame: Frame, *, redactor: Redactor | None = None, **settings: Any) -> Planes:
    part = face(FACE, person=settings.pop("person", 12))
    redactor = redactor or Redactor(Redaction(**settings), GREY, kept=KeptOfTracks(1))
    return redactor.redact(MaskedFrame(frame, (part,))).planes


def test_a_track_that_was_let_go_is_not_released_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream_anon.redaction.kept.MOST_TRACKS", 2)
    redactor = Redactor(Redaction(method="noise"), GREY, kept=KeptOfTracks(1))
    frames = [make_frame(200, 160, pattern="noise"), make_frame(200, 160)]
    first = redact(frames[0], redactor=redactor, person=1)[0]
    assert np.array_equal(redact(frames[1], redactor=redactor, person=1)[0][50:100, 80:120],
                          first[50:100, 80:120])  # fmt: skip
    for person in (2, 3):
        redact(frames[0], redactor=redactor, person=person)
    again = redact(frames[1], redactor=redactor, person=1)[0][60:100, 80:120]
    assert again.min() == again.max(), "filled"


def test_a_redactor_in_the_place_of_another_releases_nothing_again() -> None:
    frames = [make_frame(200, 160, pattern="noise"), make_frame(200, 160)]
    before = Redactor(Redaction(method="noise"), GREY)
    after = Redactor(Redaction(method="noise"), GREY, kept=before.kept)
    first = redact(frames[0], redactor=before)[0][60:100, 80:120]
    assert np.array_equal(redact(frames[1], redactor=after)[0][60:100, 80:120], first)


class TestCaptions:
    def test_the_number_is_that_of_the_track(self) -> None:
        frame = make_frame(200, 160)
        plain = redact(frame, method="fill")
        drawn = {n: redact(frame, method="fill", caption="number", person=n) for n in (1, 12, 13)}
        for planes in drawn.values():
            changed = np.argwhere(planes[0] != plain[0])
            assert 30 < len(changed) < 0.2 * FACE.area
            middle = changed.mean(0)
            assert np.abs(middle - [84, 102]).max() < 8, "not in the middle"
            assert all(np.array_equal(planes[k], plain[k]) for k in (1, 2))
        assert not np.array_equal(drawn[12][0], drawn[13][0])

    def test_nobody_has_no_number(self) -> None:
        frame = make_frame(200, 160)
        plain, drawn = (
            redact(frame, method="fill", caption=caption, person=-1)
            for caption in ("none", "number")
        )
        assert np.array_equal(plain[0], drawn[0])

    @pytest.mark.parametrize("color", ["#000000", "#ffffff", "#808080"])
    def test_it_can_be_read_on_every_colour(self, color: str) -> None:
        frame = make_frame(200, 160)
        luma = redact(frame, method="fill", caption="label", color=color)[0].astype(int)
        inside = luma[60:110, 75:130]
        assert np.ptp(inside) > 80

    def test_on_small_parts_there_is_none(self) -> None:
        part = face(Box(60, 30, 10, 12), person=4)
        redactor = Redactor(Redaction(method="fill", caption="number"), GREY)
        luma = redactor.redact(MaskedFrame(make_frame(200, 160), (part,))).planes[0]
        assert len(np.unique(luma[33:40, 63:68])) == 1


class TestAvatar:
    def test_it_is_the_same_for_everybody(self) -> None:
        frames = [make_frame(200, 160, pattern="noise", seed=seed) for seed in (1, 2)]
        one, other = (redact(frame, method="avatar")[0][50:120, 75:130] for frame in frames)
        assert np.array_equal(one, other)
        assert one.std() > 8, "there is a face"

    def test_it_leans_as_the_face_does(self) -> None:
        frame = make_frame(260, 220)
        eyes = []
        for roll in (-30.0, 0.0, 30.0):
            part = face(Box(70, 50, 110, 140))
            turned = type(part)(part.label, part.box, part.mask, 1.0, 0, roll=roll)
            redactor = Redactor(Redaction(method="avatar"), GREY)
            luma = redactor.redact(MaskedFrame(frame, (turned,))).planes[0]
            dark = np.argwhere(luma < 80)
            left, right = dark[dark[:, 1] < 125].mean(0), dark[dark[:, 1] >= 125].mean(0)
            eyes.append(float(right[0] - left[0]))
        assert eyes[0] < -10 < 0
        assert abs(eyes[1]) < 4
        assert eyes[2] > 10

    def test_the_users_picture_takes_its_place(self, tmp_path: Path) -> None:
        picture = np.zeros((40, 40, 4), np.uint8)
        picture[:, :, 2] = picture[:, :, 3] = 255  # red, as OpenCV writes it
        path = tmp_path / "red.png"
        cv2.imwrite(str(path), picture)
        planes = redact(make_frame(200, 160), method="avatar", replace_with=str(path))
        levels = [int(plane[84 // n, 102 // n]) for plane, n in zip(planes, (1, 2, 2), strict=True)]
        assert levels == pytest.approx(color_levels("#ff0000", GREY), abs=1)

    @pytest.mark.parametrize("content", [None, b"", b"no picture at all"])
    def test_what_is_no_picture_is_refused(self, content: bytes | None, tmp_path: Path) -> None:
        path = tmp_path / "face.png"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(ConfigError, match=r"face\.png"):
            Redactor(Redaction(method="avatar", replace_with=str(path)), GREY)


class TestNoise:
    def test_a_track_is_released_once(self) -> None:
        """All of its frames show the cells of the first: nothing adds up over time."""
        redactor = Redactor(Redaction(method="noise"), GREY, kept=KeptOfTracks(5))
        frames = [make_frame(200, 160, pattern="noise", seed=seed) for seed in range(4)]
        drawn = [redact(frame, redactor=redactor)[0][45:125, 75:130] for frame in frames]
        assert all(np.array_equal(drawn[0], later) for later in drawn[1:])

    def test_noise_is_another_in_every_run(self) -> None:
        frame = make_frame(200, 160)
        drawn = [
            Redactor(Redaction(method="noise"), GREY).redact(MaskedFrame(frame, (face(FACE),)))
            for _ in range(2)
        ]
        assert not np.array_equal(drawn[0].planes[0], drawn[1].planes[0])

    def test_it_has_the_scale_that_the_paper_asks_for(self) -> None:
        """255 m / (area of a cell * epsilon), on a picture whose averages are known."""
        frame, errors = make_frame(1000, 1000, value=128), []
        settings = Redaction(method="noise", noise_epsilon=1.0, noise_cell=20, noise_pixels=20)
        for secret in range(12):
            redactor = Redactor(settings, GREY, kept=KeptOfTracks(secret))
            part = face(Box(-2000, -2000, 6000, 6000))
            luma = redactor.redact(MaskedFrame(frame, (part,))).planes[0]
            errors.append(np.abs(luma[10::20, 10::20].astype(float) - 128).mean())
        assert float(np.mean(errors)) == pytest.approx(255 * 20 / 400, rel=0.05)

    def test_colour_is_not_released(self) -> None:
        frame = make_frame(200, 160, chroma=(60, 200))
        planes = redact(frame, method="noise")
        assert planes[1][42, 51] == planes[2][42, 51] == 128


class TestPromises:
    def test_those_that_read_warn(self, caplog: pytest.LogCaptureFixture) -> None:
        for method in METHODS:
            caplog.clear()
            with caplog.at_level(logging.WARNING):
                warn_of_reading(Redaction(method=method.name), {})
            assert bool(caplog.records) == method.reads_hidden
            assert not method.reads_hidden or f"{method.known} of 100" in caplog.text

    def test_rules_count_too(self) -> None:
        told = promises(Redaction(), {"hair": Redaction(method="gaussian")})
        assert list(told) == ["blur", "gaussian"]
        assert told["blur"] == "reads nothing of what it hides"
