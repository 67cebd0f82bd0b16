"""The same input and settings give the same masks, however slow the machine is."""

from __future__ import annotations

import random
from time import sleep
from typing import TYPE_CHECKING, Any

import stream_anon
from stream_anon.detectors.centerface import CenterFace
from stream_anon.sinks.file import MediaSink
from stream_anon.sources.file import MediaSource
from tests.runs import Redacted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest

    from stream_anon.core.frame import Frame


def _masks(redacted: Redacted, folder: Path, **settings: object) -> str:
    tracks = folder / "tracks.json"
    stream_anon.redact(
        redacted.footage.path, folder / "out.mp4", settings=settings, export_tracks=tracks
    )
    return tracks.read_text()


def _slow_down(monkeypatch: pytest.MonkeyPatch, owner: type, name: str, most: float) -> None:
    """Each call of a method takes up to `most` seconds longer."""
    real, dice = getattr(owner, name), random.Random(3)

    def slow(self: object, *arguments: Any) -> Any:
        sleep(dice.uniform(0, most))
        return real(self, *arguments)

    monkeypatch.setattr(owner, name, slow)


def test_two_runs_hide_the_same(redacted: Redacted, tmp_path: Path) -> None:
    assert _masks(redacted, tmp_path) == redacted.tracks.read_text()


def test_a_slow_parser_changes_nothing(
    redacted: Redacted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _slow_down(monkeypatch, CenterFace, "parse", 0.04)
    assert _masks(redacted, tmp_path) == redacted.tracks.read_text()


def test_a_slow_sink_changes_nothing(
    redacted: Redacted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _slow_down(monkeypatch, MediaSink, "send", 0.02)
    assert _masks(redacted, tmp_path) == redacted.tracks.read_text()


def test_a_slow_source_and_a_short_queue_change_nothing(
    redacted: Redacted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = MediaSource.frames

    def frames(self: MediaSource) -> Iterator[Frame]:
        for frame in real(self):
            sleep(0.005)
            yield frame

    monkeypatch.setattr(MediaSource, "frames", frames)
    masks = _masks(redacted, tmp_path, **{"pipeline.queue": 1})
    assert masks == redacted.tracks.read_text()


def test_other_settings_give_other_masks(redacted: Redacted, tmp_path: Path) -> None:
    assert _masks(redacted, tmp_path, **{"masking.margin": 0.3}) != redacted.tracks.read_text()
