"""Whatever breaks in a live run: the run goes on, and no face is in any picture of any output.

Somebody comes in while it is broken: in the first pictures after that is a face that no earlier
mask covers.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

import av
import pytest

from tests.live.faulty import PARSER
from tests.live.sentinel import ENTERS, SEEN, strengths, write_clip
from tests.variants import variants

SECONDS = 7.0
LIMIT = 60.0
FAULTS = [
    *PARSER,
    "masker fails",
    "releasing fails",
    "redactor fails",
    "memory runs short",
    "sink raises",
    "sink hangs",
    "sink dies",
    "sink fills the disk",
]
ROOT = Path(__file__).parents[2]
SETTINGS = """
[keyframes]
interval = 1
still = 0.0
[live]
stall = 1.0
backoff = 0.2
sink_timeout = 1.0
"""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("sentinel") / "clip.mp4", SECONDS)


def run(fault: str, clip: Path, folder: Path) -> tuple[int, str]:
    """Play the clip at its own pace into a file of each kind and a playlist."""
    config = folder / "live.toml"
    config.write_text(SETTINGS)
    (folder / "hls").mkdir()
    outputs = ["out.mkv", "out.mp4", "out.ts", "hls/live.m3u8"]
    to = [part for name in outputs for part in ("--to", str(folder / name))]
    command = [sys.executable, "-m", "tests.live.faulty", fault, "live", str(clip), "--pace", *to]
    done = subprocess.run(
        [*command, "--config", str(config)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": "scripts"},
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def outputs_of(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix in (".mkv", ".mp4", ".ts") and path.stat().st_size
    ]


def test_the_pattern_is_found_where_it_is_and_nowhere_else(clip: Path, tmp_path: Path) -> None:
    shown = strengths(clip)
    assert min(face for face, _ in shown) > 0.8
    assert [newcomer > 0.8 for _, newcomer in shown] == [n >= ENTERS for n in range(len(shown))]
    code, said = run("nothing", clip, tmp_path)
    assert code == 0, said
    for path in outputs_of(tmp_path):
        found = strengths(path)
        assert found
        assert max(map(max, found)) < SEEN / 2, path.name


@pytest.mark.parametrize("fault", variants(FAULTS, 4))
def test_no_picture_shows_a_face_or_who_comes_in_meanwhile_and_the_run_goes_on(
    fault: str, clip: Path, tmp_path: Path
) -> None:
    code, said = run(fault, clip, tmp_path)
    assert code == 0, said
    paths = outputs_of(tmp_path)
    assert {"out.mkv", "out.mp4", "out.ts"} <= {path.name for path in paths}
    counts = {}
    for path in paths:
        found = strengths(path)
        counts[path.name] = len(found)
        assert found, f"nothing in {path.name} can be decoded: {said}"
        face, newcomer = (max(seen) for seen in zip(*found, strict=True))
        assert face < SEEN, f"{path.name}: {said}"
        assert newcomer < SEEN, f"{path.name}: who came in is seen: {said}"
    assert counts["out.mp4"] > 0.5 * SECONDS * 25, f"{counts} {said}"
    if fault.startswith("sink "):
        assert "out-2.mkv" in counts, said
        assert "out.mkv" in said
    else:
        assert "hidden whole" in said


def test_a_run_that_is_stopped_finishes_its_files_within_two_seconds(
    clip: Path, tmp_path: Path
) -> None:
    target = tmp_path / "out.mkv"
    command = [sys.executable, "-m", "stream_anon", "live", str(clip), "--pace", "--to", target]
    with subprocess.Popen([str(word) for word in command], cwd=ROOT) as process:
        deadline = monotonic() + 20
        while not (target.exists() and target.stat().st_size > 20_000):
            assert monotonic() < deadline
            sleep(0.05)
        began = monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert monotonic() - began < 2
    assert len(strengths(target)) > 10
    with av.open(str(target)) as container:
        assert container.duration, "its length stands in its head, which is written last"
