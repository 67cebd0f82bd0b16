"""The whole way with m2fp: from a video to a video, with a small network of made-up weights.

What such a network sees means nothing; that it is hidden, all of it, does.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

import stream_anon
from stream_anon.cli import main as cli
from stream_anon.detectors.base import DetectionPass
from stream_anon.detectors.labels import CENTERFACE_LABELS, CIHP_LABELS
from stream_anon.detectors.m2fp import load_network, store
from stream_anon.detectors.m2fp.configuration import read_configuration
from stream_anon.detectors.m2fp.convert import find_converted
from stream_anon.detectors.m2fp.parser import M2FPParser
from stream_anon.errors import ModelError
from tests.stubs import astronaut_frame, make_frame, make_info

if TYPE_CHECKING:
    from pathlib import Path

    from stream_anon.core.parts import Part


def parser_for(tiny_m2fp: Path, *, min_score: float = 0.1, min_area: float = 16.0) -> M2FPParser:
    converted = find_converted(tiny_m2fp, "fp32")
    assert converted is not None
    return M2FPParser(
        read_configuration(tiny_m2fp),
        converted,
        make_info().color,
        min_score=min_score,
        min_area=min_area,
        threads=1,
    )


def parts_of(
    tiny_m2fp: Path, frame: object, detection_pass: DetectionPass, **options: float
) -> list[Part]:
    parser = parser_for(tiny_m2fp, **options)
    try:
        return parser.parse(frame, detection_pass)  # type: ignore[arg-type]
    finally:
        parser.close()


class TestTheParser:
    @pytest.mark.parametrize("size", [(512, 512), (500, 300), (301, 517), (96, 64)])
    def test_it_scores_as_the_published_post_processing_does(
        self, tiny_m2fp: Path, size: tuple[int, int]
    ) -> None:
        """Up to where it looks: there masks are enlarged first, here the network's own count."""
        import torch

        from stream_anon.detectors.m2fp.configuration import MEAN
        from stream_anon.detectors.m2fp.reference import parts_and_humans
        from stream_anon.detectors.picture import working_picture

        frame, detection_pass = astronaut_frame(*size), DetectionPass(256)
        picture = working_picture(frame, detection_pass, make_info().color, 1.0, MEAN)
        seen = torch.from_numpy(picture.rgb[:, :, : picture.rows, : picture.columns])
        with torch.inference_mode():
            answer = load_network(tiny_m2fp)(seen)
            parts, humans = parts_and_humans(
                answer, (picture.rows, picture.columns), (frame.height, frame.width), 20
            )
        published = torch.cat([parts.score, humans.score])
        ours = parts_of(tiny_m2fp, frame, detection_pass, min_area=0)
        assert published.numel(), "nothing to compare"
        assert max(part.score for part in ours) == pytest.approx(float(published.max()), abs=0.02)
        assert len(ours) <= published.numel() + 2

    def test_parts_lie_in_the_frame_and_have_masks_of_the_working_size(
        self, tiny_m2fp: Path
    ) -> None:
        frame = astronaut_frame(640, 360)
        parts = parts_of(tiny_m2fp, frame, DetectionPass(320))
        assert parts
        for part in parts:
            assert part.box.x >= -1
            assert part.box.y >= -1
            assert part.box.x + part.box.width <= frame.width + 8
            assert part.box.y + part.box.height <= frame.height + 8
            assert part.mask.shape[1] == pytest.approx(part.box.width / 2, abs=1)
            assert part.mask.max() > 127

    def test_the_same_frame_gives_the_same_parts(self, tiny_m2fp: Path) -> None:
        first, again = (
            parts_of(tiny_m2fp, astronaut_frame(320, 240), DetectionPass(256)) for _ in "ab"
        )
        assert [(p.label, p.box, p.score, p.person) for p in first] == [
            (p.label, p.box, p.score, p.person) for p in again
        ]
        assert all(np.array_equal(a.mask, b.mask) for a, b in zip(first, again, strict=True))

    def test_small_parts_are_left_out(self, tiny_m2fp: Path) -> None:
        frame = astronaut_frame(320, 240)
        areas = [
            part.box.area for part in parts_of(tiny_m2fp, frame, DetectionPass(256), min_area=9000)
        ]
        assert all(area >= 9000 for area in areas)

    @pytest.mark.parametrize("size", [(2, 2), (16, 16), (33, 700)])
    def test_odd_pictures_are_parsed(self, tiny_m2fp: Path, size: tuple[int, int]) -> None:
        parts = parts_of(tiny_m2fp, make_frame(*size, pattern="noise"), DetectionPass(256))
        assert isinstance(parts, list)


class TestARun:
    def test_hides_what_m2fp_sees_and_says_which_engines_ran(
        self, tiny_m2fp: Path, clip: Path, tmp_path: Path
    ) -> None:
        output, report, tracks = (tmp_path / n for n in ("out.mp4", "report.json", "tracks.json"))
        settings = {
            "parsing.engine": "m2fp", "redaction.scope": "person", "m2fp.min_score": 0.05,
        }  # fmt: skip
        summary = stream_anon.redact(
            clip, output, settings=settings, report=report, export_tracks=tracks
        )
        assert summary.frames == 24
        hidden = {track["label"] for track in json.loads(tracks.read_text())["tracks"]}
        assert hidden - CENTERFACE_LABELS, "m2fp sees something somewhere"
        assert hidden <= set(CIHP_LABELS.values())
        engine = json.loads(report.read_text())["engine"]
        assert engine["name"] == "m2fp+centerface"
        converted = find_converted(tiny_m2fp, "fp32")
        assert converted is not None
        assert engine["model_sha256"].startswith(converted.digest)

    def test_is_the_same_every_time(self, tiny_m2fp: Path, clip: Path, tmp_path: Path) -> None:
        settings = {"redaction.scope": "person", "m2fp.min_score": 0.05}
        files = [tmp_path / f"tracks{n}.json" for n in (1, 2)]
        for number, tracks in enumerate(files):
            stream_anon.redact(
                clip, tmp_path / f"out{number}.mp4", settings=settings, export_tracks=tracks
            )
        assert files[0].read_bytes() == files[1].read_bytes()

    def test_a_network_that_lost_its_weights_is_an_error_and_there_is_no_output(
        self,
        tiny_m2fp: Path,
        networks_copy: Path,
        clip: Path,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        import sys

        for path in networks_copy.rglob("network.bin"):
            path.write_bytes(path.read_bytes()[:100])
        monkeypatch.setitem(sys.modules, "torch", None)
        with pytest.raises(ModelError, match="needs PyTorch"):
            stream_anon.redact(clip, tmp_path / "out.mp4", scope="person")
        assert list(tmp_path.glob("out*")) == []


def test_asking_for_m2fp_where_it_is_not_is_code_5(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not store.is_installed()
    assert cli.run(["redact", str(clip), str(tmp_path / "out.mp4"), "--engine", "m2fp"]) == 5
    assert "stream-anon models fetch m2fp" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_asking_centerface_for_bodies_is_code_2(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--engine", "centerface", "--scope", "person"]
    assert cli.run(["redact", str(clip), str(tmp_path / "out.mp4"), *asked]) == 2
    assert "m2fp does" in capsys.readouterr().err
