"""Several inputs into a folder: one goes wrong and the others are done; nothing is replaced."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from stream_anon.cli import main as cli
from stream_anon.cli.jobs import run_one
from stream_anon.detectors import compiled, runtime
from stream_anon.errors import ParserError
from tests.faults import use_parser
from tests.media import pictures, write

if TYPE_CHECKING:
    from collections.abc import Sequence


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("short") / "short.mp4", frames=3, size=(160, 90))


def files(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def place(source: Path, *names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, name)


def test_the_others_are_done_after_an_error_and_the_first_one_is_the_code(
    here: Path, short: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place(short, "cam1/a.mp4", "cam2/a.mp4", "cam2/c.mkv")
    Path("cam2/b.mp4").write_text("no video")
    Path("cam2/notes.txt").write_text("no video")
    assert cli.run(["redact", "cam*", "gone.mp4", "--output-dir", "out"]) == 3
    assert files(here / "out") == ["cam1/a.mp4", "cam2/a.mp4", "cam2/c.mkv"]
    told = capsys.readouterr()
    assert len(told.out.splitlines()) == 4
    assert told.out.splitlines()[-1] == "3 redacted, 2 failed"
    assert "stream-anon: cam2/b.mp4 is not a video that can be read" in told.err
    assert "stream-anon: gone.mp4 does not exist" in told.err
    assert "1 file is neither video nor picture by name, left out: notes.txt" in told.err


def test_what_is_there_is_skipped_with_a_note(
    here: Path, short: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place(short, "in/a.mp4", "in/b.mp4")
    (here / "out").mkdir()
    (here / "out/a.mp4").write_text("before")
    assert cli.run(["redact", "in", "--output-dir", "out"]) == 0
    told = capsys.readouterr()
    assert (here / "out/a.mp4").read_text() == "before"
    assert "note: out/a.mp4 exists already, skipped" in told.err
    assert told.out.splitlines()[-1] == "1 redacted, 1 skipped, as the outputs exist"
    assert cli.run(["redact", "in", "--output-dir", "out", "--overwrite", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    assert len(pictures(here / "out/a.mp4")) == 3


def test_outputs_beside_their_inputs_need_a_suffix(here: Path, short: Path) -> None:
    place(short, "a.mp4")
    command = ["redact", ".", "--output-dir", "."]
    assert cli.run([*command, "--overwrite"]) == 2
    assert (here / "a.mp4").read_bytes() == short.read_bytes()
    for _ in range(2):  # the second time, the output is no input
        assert cli.run([*command, "--suffix", "_redacted", "--overwrite"]) == 0
    assert files(here) == ["a.mp4", "a_redacted.mp4"]


def test_an_input_that_is_damaged_is_code_6_among_others(here: Path, short: Path) -> None:
    long = write(here / "long.mkv", frames=60, gop=10)
    (here / "a.mkv").write_bytes(long.read_bytes()[: long.stat().st_size // 2])
    place(short, "b.mp4")
    assert cli.run(["redact", "a.mkv", "b.mp4", "--output-dir", "out"]) == 6
    assert files(here / "out") == ["a.mkv", "b.mp4"]


def test_a_fault_of_ours_ends_one_input_only(
    here: Path, short: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place(short, "a.mp4", "b.mp4")

    def fails(request: object, source: Path, *rest: object, **more: object) -> int:
        if source.name == "a.mp4":
            raise RuntimeError("oops")
        return run_one(request, source, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr("stream_anon.cli.several.run_one", fails)
    assert cli.run(["redact", "a.mp4", "b.mp4", "--output-dir", "out"]) == 1
    assert files(here / "out") == ["b.mp4"]
    assert "a.mp4: unexpected RuntimeError" in capsys.readouterr().err


def test_a_failing_parser_is_told_of_each_input_and_leaves_no_folder(
    here: Path, short: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object) -> list[object]:
        raise ParserError("the network broke")

    use_parser(monkeypatch, fails)
    place(short, "x/a.mp4", "y/b.mp4")
    assert cli.run(["redact", "x", "y", "--output-dir", "out"]) == 5
    assert capsys.readouterr().err.splitlines() == [
        "stream-anon: x/a.mp4: the network broke",
        "stream-anon: y/b.mp4: the network broke",
    ]
    assert not (here / "out").exists()


def test_an_interrupt_ends_all_and_tells_what_is_complete(
    here: Path, short: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place(short, "a.mp4", "b.mp4", "c.mp4")

    def interrupted(request: object, source: Path, *rest: object, **more: object) -> int:
        if source.name == "b.mp4":
            raise KeyboardInterrupt
        return run_one(request, source, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr("stream_anon.cli.several.run_one", interrupted)
    assert cli.run(["redact", "a.mp4", "b.mp4", "c.mp4", "--output-dir", "out"]) == 130
    assert files(here / "out") == ["a.mp4"]
    assert "interrupted: 1 output is complete" in capsys.readouterr().err


REFUSED = {
    "a report": (["a.mp4", "--output-dir", "out", "--report", "r.json"], "--report is for one"),
    "tracks": (["a.mp4", "--output-dir", "out", "--tracks", "t.json"], "--tracks is for one"),
    "masks": (["a.mp4", "--output-dir", "out", "--masks-only", "m.jsonl"], "--export-masks is for"),
    "no folder": (["a.mp4", "b.mp4", "c.mp4"], "need --output-dir FOLDER"),
    "a suffix alone": (["a.mp4", "o.mp4", "--suffix", "_r"], "name their --output-dir"),
    "recursive alone": (["a.mp4", "o.mp4", "--recursive"], "name their --output-dir"),
    "no input": (["--output-dir", "out"], "no input given"),
    "an unknown container": (["a.mp4", "--output-dir", "o", "--format", "doc"], "selects no"),
    "a scope": (["a.mp4", "--output-dir", "out", "--scope", "fase"], "did you mean face?"),
    "a container for a name": (["a.mp4", "o.mp4", "--format", "mkv"], "OUTPUT has its extension"),
    "a track that is no number": (["a.mp4", "o.mp4", "--video-track", "first"], "or all"),
    "track 0": (["a.mp4", "o.mp4", "--video-track", "0"], "count from 1"),
    "a report of all": (
        ["a.mp4", "o.mp4", "--video-track", "all", "--report", "r.json"],
        "name one track",
    ),
}


@pytest.mark.parametrize(("arguments", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_what_makes_no_sense_is_refused_before_anything_is_done(
    here: Path, short: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    place(short, "a.mp4")
    assert cli.run(["redact", *arguments]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1
    assert files(here) == ["a.mp4"]


def test_folders_in_the_wrong_place_are_told_the_way_out(
    here: Path, short: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place(short, "a.mp4")
    Path("in").mkdir()
    assert cli.run(["redact", "a.mp4", "in"]) == 4
    assert cli.run(["redact", "in", "out.mp4"]) == 3
    assert cli.run(["redact", "in", "--output-dir", "a.mp4"]) == 3
    assert cli.run(["redact", "a.mp4", "--output-dir", "a.mp4"]) == 4
    told = capsys.readouterr().err.splitlines()
    assert all("--output-dir" in line for line in told if "--recursive" not in line)
    assert len(told) == 4
    assert files(here) == ["a.mp4"]


def test_networks_are_compiled_once_for_all(
    here: Path, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = compiled.Compiled()
    made: list[object] = []
    acquire = cache.acquire

    def counted(key: compiled.Key, compile_it: object) -> object:
        return acquire(key, lambda: made.append(key) or compile_it())  # type: ignore[func-returns-value,operator]

    monkeypatch.setattr(cache, "acquire", counted)
    for module in (runtime, "stream_anon.pipeline.engines"):
        name = module if isinstance(module, str) else module.__name__
        monkeypatch.setattr(f"{name}.COMPILED", cache)
    place(short, "a.mp4", "b.mp4", "c.mp4")
    assert cli.run(["redact", "a.mp4", "b.mp4", "c.mp4", "--output-dir", "out"]) == 0
    assert len(made) == len(set(made)) > 0
    assert len(cache) == 0


ODD = [b"100%d.mp4", b"two\nlines.mp4", b"\xff\xfe.mp4", b"x" * 251 + b".mp4", b"-dash.mp4"]


def test_names_with_tricks_come_out_as_they_went_in(
    here: Path, short: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [os.fsdecode(name) for name in ODD]
    place(short, *(f"in/{name}" for name in names))
    assert cli.run(["redact", "in", "--output-dir", "out"]) == 0
    assert files(here / "out") == sorted(names)
    told = capsys.readouterr()
    assert len(told.out.splitlines()) == len(ODD) + 1
    assert r"out/two\nlines.mp4: 3 frames" in told.out
    assert r"out/\xff\xfe.mp4: 3 frames" in told.out


def test_a_report_of_a_name_with_tricks_is_text(here: Path, short: Path) -> None:
    name = os.fsdecode(b"\xff\n%d.mp4")
    place(short, name)
    assert cli.run(["redact", name, f"out-{name}", "--report", f"{name}.json"]) == 0
    text = Path(f"{name}.json").read_bytes().decode("ascii")
    assert json.loads(text)["input"]["name"] == r"\xff\n%d.mp4"
    assert len(pictures(here / f"out-{name}")) == 3


# -- video tracks -----------------------------------------------------------------------------

SHADES = (60, 200)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dark small track and a bright large one."""
    path = tmp_path_factory.mktemp("two") / "two.mkv"
    with av.open(str(path), "w") as output:
        streams = []
        for width, height in ((160, 90), (320, 180)):
            stream = output.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            streams.append(stream)
        for number in range(5):
            for stream, shade in zip(streams, SHADES, strict=True):
                flat = np.full((stream.height, stream.width, 3), shade, np.uint8)
                frame = av.VideoFrame.from_ndarray(flat, format="rgb24")
                frame.pts = number
                output.mux(stream.encode(frame))
        for stream in streams:
            output.mux(stream.encode(None))
    return path


def shades(paths: Sequence[Path]) -> list[int]:
    """Which of the shades is in each."""
    means = [pictures(path)[0].to_ndarray(format="gray").mean() for path in paths]
    return [min(SHADES, key=lambda shade: abs(shade - mean)) for mean in means]


def test_a_video_track_is_chosen_by_its_number(
    here: Path, two: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["redact", str(two)]
    assert cli.run([*command, "0.mkv"]) == 0
    assert "only track 2 (320x180) is in the output; --video-track" in capsys.readouterr().err
    for track in ("1", "2"):
        assert cli.run([*command, f"{track}.mkv", "--video-track", track]) == 0
        assert f"video track {track} of 2" in capsys.readouterr().err
    assert shades([here / "0.mkv", here / "1.mkv", here / "2.mkv"]) == [200, 60, 200]
    assert cli.run([*command, "3.mkv", "--video-track", "3"]) == 3
    assert "has 2 video tracks: track 3" in capsys.readouterr().err
    ranged = ["--from", "0.04", "--trim", "--report", "r.json"]
    assert cli.run([*command, "4.mkv", "--video-track", "1", *ranged]) == 0
    assert (shades([here / "4.mkv"]), len(pictures(here / "4.mkv"))) == ([60], 4)
    assert json.loads((here / "r.json").read_text())["video_track"] == 1


def test_people_are_looked_for_in_the_video_track_that_is_named(
    here: Path, two: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["tracks", str(two), "--quiet", "--export-tracks"]
    for name, more, width in (("0", [], 320), ("1", ["1"], 160), ("2", ["2"], 320)):
        number = ["--video-track", *more] if more else []
        assert cli.run([*command, f"{name}.json", *number]) == 0
        assert json.loads((here / f"{name}.json").read_text())["width"] == width
    assert cli.run([*command, "3.json", "--video-track", "3"]) == 3
    assert "has 2 video tracks: track 3" in capsys.readouterr().err
    assert cli.run([*command, "4.json", "--video-track", "0"]) == 2
    assert not list(here.glob("[34].json*"))


def test_all_video_tracks_have_an_output_each(here: Path, two: Path, short: Path) -> None:
    command = ["redact", str(two), "out.mkv", "--video-track", "all"]
    assert cli.run(command) == 0
    assert shades([here / "out-track1.mkv", here / "out-track2.mkv"]) == [60, 200]
    assert cli.run(command) == 4
    assert files(here) == ["out-track1.mkv", "out-track2.mkv"]
    place(two, "in/two.mkv")
    place(short, "in/one.mp4")
    assert cli.run(["redact", "in", "--output-dir", "o", "--video-track", "all"]) == 0
    assert files(here / "o") == ["one.mp4", "two-track1.mkv", "two-track2.mkv"]
