"""A live run from Python."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

import stream_anon
from stream_anon.core.redacted import Unknown
from stream_anon.errors import ConfigError, ScopeError, SinkError, SourceError
from tests.media import pictures

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_at_its_own_pace_ends_by_itself(clip: Path, tmp_path: Path) -> None:
    run = stream_anon.redact_live(clip, pace=True, to=[tmp_path / "out.mkv"])
    figures = run.run()
    assert figures.frames_in == figures.frames_out == 24
    assert figures.hidden_total == figures.dropped_total == 0
    assert len(pictures(tmp_path / "out.mkv")) == 24


def test_it_can_be_stopped_from_another_thread(clip: Path, tmp_path: Path) -> None:
    run = stream_anon.redact_live("tcp://127.0.0.1:9", to=[tmp_path / "out.mkv"])
    threading.Timer(1.0, run.stop).start()
    figures = run.run()
    assert figures.frames_out == 0
    assert not figures.connected


@pytest.mark.parametrize(
    ("source", "options", "error", "said"),
    [
        ("rtsp://cam", {}, ConfigError, "there is no output"),
        ("rtsp://cam", {"to": ["a.mkv"], "scope": "elbow"}, ScopeError, "elbow"),
        ("rtsp://cam", {"to": ["a.mkv", "a.mkv"]}, ConfigError, "named twice"),
        ("rtsp://cam", {"to": ["a.xyz"]}, ConfigError, "is no output"),
        ("rtsp://cam", {"to": ["a.mkv"], "keep": 60.0}, ConfigError, "--keep"),
        ("rtsp://cam", {"to": ["udp://h:1"], "segment": 60.0}, ConfigError, "--segment"),
        ("gopher://cam", {"to": ["a.mkv"]}, ConfigError, "gopher"),
        (
            "rtsp://cam",
            {"to": ["a.mkv"], "settings": {"live.lookahead": 1.0}},
            ConfigError,
            "longer than live.latency",
        ),
    ],
)
def test_what_cannot_be_run_is_told_before_anything_is_opened(
    source: str, options: dict[str, object], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        stream_anon.redact_live(source, **options)  # type: ignore[arg-type]


def test_a_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    run = stream_anon.redact_live(tmp_path / "none.mp4", pace=True, to=[tmp_path / "out.mkv"])
    with pytest.raises(SourceError, match=r"none\.mp4"):
        run.run()


def test_an_output_that_cannot_be_opened_is_an_error_and_leaves_nothing(
    clip: Path, tmp_path: Path
) -> None:
    with pytest.raises(SinkError, match="nowhere does not exist"):
        stream_anon.redact_live(clip, pace=True, to=[tmp_path / "nowhere" / "out.mkv"])
    run = stream_anon.redact_live(
        clip, pace=True, to=[tmp_path / "fine.mkv", "camera:/dev/no-such-camera"]
    )
    with pytest.raises(SinkError, match="virtual camera"):
        run.run()
    run = stream_anon.redact_live(
        clip, pace=True, to=[tmp_path / "out.mkv"], settings={"live.preset": "warp"}
    )
    with pytest.raises(ConfigError, match="no preset 'warp'"):
        run.run()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "source",
    [
        "rtsp://viewer:s3cret@10.0.0.5:554/live",
        "rtsp://10.0.0.5:554/user=admin_password=s3cret_channel=1_stream=0.sdp",
    ],
)
def test_what_a_run_is_called_holds_no_credentials(source: str) -> None:
    run = stream_anon.redact_live(source, to=["udp://127.0.0.1:9"])
    assert "s3cret" not in run.label
    assert "10.0.0.5" in run.label


def test_body_parts_are_parsed_beside_the_stream(
    tiny_m2fp: Path, clip: Path, tmp_path: Path
) -> None:
    assert tiny_m2fp.is_dir()
    settings = {"parsing.engine": "m2fp", "keyframes.still": 0.0, "keyframes.parse_interval": 0.1}
    run = stream_anon.redact_live(
        clip, pace=True, to=[tmp_path / "out.mkv"], scope="hair", settings=settings
    )
    figures = run.run()
    assert figures.frames_out == 24
    hidden = figures.hidden_whole[Unknown.NOT_PARSED]
    assert 0 < hidden < 24, "until the parser has answered for the first time"
