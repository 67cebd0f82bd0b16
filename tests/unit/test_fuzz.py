"""The fuzzer: what it makes, how it judges, and a short campaign."""

from __future__ import annotations

import sys
from pathlib import Path

import fuzz
import fuzz_inputs
import pytest
from fuzz import Worker, campaign, judge
from fuzz_inputs import Input, damaged

import stream_anon
from tests.faults import use_parser
from tests.stubs import nobody

HEALTHY = Input("in.mp4", b"", "none", ("in.mp4", "out.mp4"))
ENDS = {
    "redacted": (0, "", "", {"out.mp4"}, None),
    "redacted in part": (6, "", "", {"out.mp4"}, None),
    "refused": (3, "", "stream-anon: in.mp4 is empty\n", set[str](), None),
    "an unexpected error": (1, "", "stream-anon: unexpected KeyError\n", set[str](), "code 1"),
    "a signal's code": (139, "", "", set[str](), "code 139"),
    "a traceback": (3, "", "Traceback (most recent call last)\n", set[str](), "traceback"),
    "an unexpected error with a code": (
        3, "", "stream-anon: unexpected KeyError\n", set[str](), "traceback",
    ),
    "two lines": (3, "", "stream-anon: in.mp4 is\nempty\n", set[str](), "2 lines"),
    "no line": (3, "", "", set[str](), "0 lines"),
    "another line": (3, "", "warning: odd\n", set[str](), "1 lines"),
    "an output after an error": (3, "", "stream-anon: no\n", {"out.mp4"}, "leaves ['out.mp4']"),
    "a part": (4, "", "stream-anon: no\n", {"out.mp4.part"}, "leaves ['out.mp4.part']"),
    "no output": (0, "", "", set[str](), "code 0 with []"),
    "a part beside the output": (0, "", "", {"out.mp4", "out.mp4.part"}, "code 0 with"),
    "prints": (0, "hello", "", {"out.mp4"}, "printed 'hello'"),
}  # fmt: skip


@pytest.mark.parametrize("case", ENDS)
def test_every_end_is_judged(case: str) -> None:
    code, out, err, left, wrong = ENDS[case]
    said = judge(code, out, err, left, HEALTHY)
    assert (said is None) == (wrong is None), said
    assert (wrong or "") in (said or "")


def test_an_input_is_the_same_each_time_and_each_is_another() -> None:
    seeds = [("a.mp4", bytes(range(256)) * 8), ("tracks.json", fuzz_inputs.TRACKS.encode())]
    made = [damaged(seeds, 3, number) for number in range(300)]
    assert made == [damaged(seeds, 3, number) for number in range(300)]
    assert len({one.data for one in made}) > 280
    assert {word for one in made for word in one.damage.split("+")} == {
        *("flip", "head", "cut", "zero", "repeat", "swap", "insert", "number", "word"),
    }
    assert made != [damaged(seeds, 4, number) for number in range(300)]


@pytest.mark.slow
def test_the_healthy_files_are_of_every_kind_and_all_can_be_redacted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_parser(monkeypatch, nobody)
    folder = tmp_path / "seeds"
    folder.mkdir()
    fuzz_inputs.make_seeds(folder)
    made = {path.name for path in folder.iterdir()}
    assert made == {*fuzz_inputs.VIDEOS, "tracks.json", "settings.toml"}
    for name in fuzz_inputs.VIDEOS:
        is_still = fuzz_inputs.VIDEOS[name].get("frames") == 1
        output = tmp_path / ("out.png" if is_still else "out.mp4")
        summary = stream_anon.redact(folder / name, output, overwrite=True)
        assert summary.complete, name


@pytest.mark.slow
class TestWorker:
    """A worker that hangs, dies or grows is noticed, and replaced."""

    def worker(self, code: str, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Worker:
        script = folder / "worker.py"
        script.write_text(f"import json, sys, time\nfor line in sys.stdin:\n    {code}\n")
        monkeypatch.setattr(fuzz, "__file__", str(script))
        return Worker(folder, 1)

    def test_hangs(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(fuzz, "HANGS", 0.1)
        worker = self.worker("time.sleep(60)", monkeypatch, tmp_path)
        code, wrong = worker.try_input(0)
        assert code is None
        assert "hangs" in str(wrong)

    def test_dies(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        worker = self.worker("sys.exit(7)", monkeypatch, tmp_path)
        assert worker.try_input(0) == (None, "the process ended with code 7")
        worker.close()

    def test_grows(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(fuzz, "INPUTS_EACH", 5)
        answer = "print(json.dumps(dict(code=0, wrong=None, memory=int(line) << 30)), flush=True)"
        worker = self.worker(answer, monkeypatch, tmp_path)
        assert worker.try_input(1) == (0, None)
        assert worker.try_input(2) == (0, None)
        assert worker.try_input(3) == (0, "memory grew to 3072 MiB")
        worker.close()


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits memory as Linux does")
def test_two_hundred_damaged_inputs_end_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SVT_LOG", "1")
    codes, faults = campaign(200, seed=9)
    assert faults == []
    assert codes.total() == 200
    assert {0, 2, 3, 6} <= set(codes), "it meets every kind of end"
