"""A live run from Python."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path
from time import sleep

import pytest

import stream_anon
from stream_anon.core.redacted import Unknown
from stream_anon.errors import EXIT_INCOMPLETE, ConfigError, ScopeError, SinkError, SourceError
from tests.live.clips import serving_clip
from tests.live.command import LiveCommand
from tests.live.leaks import exposure
from tests.media import pictures
from tests.requirements import require_live

pytestmark = [pytest.mark.slow, pytest.mark.realtime]


def test_a_file_at_its_own_pace_ends_by_itself(clip: Path, tmp_path: Path) -> None:
    run = stream_anon.prepare_live(clip, pace=True, to=[tmp_path / "out.mkv"])
    figures = run.run()
    assert figures.frames_in == figures.frames_out == 24
    assert figures.hidden_total == figures.dropped_total == 0
    assert len(pictures(tmp_path / "out.mkv")) == 24


def test_no_face_in_its_output_can_be_recognised(tmp_path: Path) -> None:
    shown = serving_clip(tmp_path, seconds=4)
    raw = exposure(shown, shown.path)
    assert raw.leaked > 0.9 * raw.faces > 50, "all of them could be"
    run = stream_anon.prepare_live(shown.path, pace=True, to=[tmp_path / "out.mkv"])
    figures = run.run()
    found = exposure(shown, tmp_path / "out.mkv")
    assert figures.frames_out == found.frames > 0.5 * shown.frames, "a busy machine drops some"
    assert found.faces > 0.5 * (raw.faces - found.missing)
    assert found.slates < 0.1 * found.frames, "not by hiding everything"
    assert (found.leaked, found.where) == (0, [])


def test_it_can_be_stopped_from_another_thread(clip: Path, tmp_path: Path) -> None:
    run = stream_anon.prepare_live("tcp://127.0.0.1:9", to=[tmp_path / "out.mkv"])
    threading.Timer(1.0, run.stop).start()
    figures = run.run()
    assert figures.frames_out == 0
    assert not figures.connected


def test_an_output_that_is_down_at_the_end_is_told(clip: Path, tmp_path: Path) -> None:
    file, stream = tmp_path / "out.mkv", "rtsp://127.0.0.1:9/cam"
    run = stream_anon.prepare_live(clip, pace=True, to=[file, stream])
    figures = run.run()
    assert run.incomplete == {stream: f"cannot send to {stream}: connection refused"}
    assert len(pictures(file)) == figures.frames_out


def test_the_command_tells_an_output_that_is_down_at_the_end_and_never_its_key(
    clip: Path, tmp_path: Path
) -> None:
    require_live(modules=["prometheus_client"])  # which `LiveCommand` asks for
    file, key = tmp_path / "out.mkv", "Zk3y"
    seen: list[str] = []
    run = LiveCommand(str(clip), "--pace", "--to", file, "--to", f"rtmp://127.0.0.1:9/live/{key}")
    with run:
        while run.runs:
            with suppress(OSError):
                seen += [*run.figures(), str(run.health())]
            seen += commands_of_children(run.pid)
            sleep(0.05)
        assert run.wait_end() == EXIT_INCOMPLETE
    stream = "rtmp://127.0.0.1:9/live/…"
    assert f"output {stream} was not completed: cannot send to {stream}" in run.said
    assert "every user of this machine can see the stream key in the command" in run.said
    shown = " ".join(seen)
    assert f'sink_up{{sink="{stream}"}}' in shown
    assert "stream_anon.sinks.process.hosted" in shown, "of the children too"
    assert key not in run.said + shown
    assert pictures(file), "the other output is complete"


def commands_of_children(pid: int) -> list[str]:
    """As `ps` shows them to everybody. A child has its parent's until it runs its own program."""
    found = []
    with suppress(OSError):
        parent = Path(f"/proc/{pid}/cmdline").read_text()
        for task in Path(f"/proc/{pid}/task").iterdir():
            children = (task / "children").read_text().split()
            found += [Path(f"/proc/{child}/cmdline").read_text() for child in children]
    return [command for command in found if command != parent]


@pytest.mark.parametrize(
    ("source", "options", "error", "said"),
    [
        ("rtsp://cam", {}, ConfigError, "there is no output"),
        ("rtsp://cam", {"to": ["a.mkv"], "scope": "elbow"}, ScopeError, "elbow"),
        ("rtsp://cam", {"to": ["a.mkv", "a.mkv"]}, ConfigError, "named twice"),
        ("rtsp://cam", {"to": ["a.xyz"]}, ConfigError, "is not a valid output"),
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
        stream_anon.prepare_live(source, **options)  # type: ignore[arg-type]


def test_a_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    run = stream_anon.prepare_live(tmp_path / "none.mp4", pace=True, to=[tmp_path / "out.mkv"])
    with pytest.raises(SourceError, match=r"none\.mp4"):
        run.run()


def test_an_output_that_cannot_be_opened_is_an_error_and_leaves_nothing(
    clip: Path, tmp_path: Path
) -> None:
    with pytest.raises(SinkError, match="nowhere does not exist"):
        stream_anon.prepare_live(clip, pace=True, to=[tmp_path / "nowhere" / "out.mkv"])
    run = stream_anon.prepare_live(
        clip, pace=True, to=[tmp_path / "fine.mkv", "camera:/dev/no-such-camera"]
    )
    with pytest.raises(SinkError, match="virtual camera"):
        run.run()
    run = stream_anon.prepare_live(
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
    run = stream_anon.prepare_live(source, to=["udp://127.0.0.1:9"])
    assert "s3cret" not in run.label
    assert "10.0.0.5" in run.label


def test_body_parts_are_parsed_beside_the_stream(
    tiny_m2fp: Path, clip: Path, tmp_path: Path
) -> None:
    assert tiny_m2fp.is_dir()
    settings = {"parsing.engine": "m2fp", "keyframes.still": 0.0, "keyframes.parse_interval": 0.1}
    run = stream_anon.prepare_live(
        clip, pace=True, to=[tmp_path / "out.mkv"], scope="hair", settings=settings
    )
    figures = run.run()
    assert figures.frames_out == 24
    hidden = figures.hidden_whole[Unknown.NOT_PARSED]
    assert 0 < hidden < 24, "until the parser has answered for the first time"
