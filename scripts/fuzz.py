"""Damaged inputs, thousands of them: every one ends well, or with one clear line.

A worker runs the command line for many inputs, within a limit of memory; the parent kills and
replaces it where it hangs. Faces are not looked for: a stand-in for the detector sees one in the
middle of each picture that is searched.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

import fuzz_inputs
from fuzz_inputs import ROOT

if TYPE_CHECKING:
    from fuzz_inputs import Input

HANGS = 60.0
"""Seconds for one input on a busy machine."""
MEMORY = 6 << 30
"""Bytes of address space of a worker."""
GROWTH = 1 << 30
"""Bytes that a worker may hold after all its inputs."""
INPUTS_EACH = 500
"""Inputs of one worker, so that one that grows is noticed and none grows for ever."""
CODES = {0, 2, 3, 4, 5, 6}
"""Exit codes with a meaning of their own; 1 is for what nobody foresaw."""


class Fault(NamedTuple):
    """An input that did not end as it should."""

    number: int
    what: str
    name: str
    damage: str


def judge(code: int, out: str, err: str, left: set[str], given: Input) -> str | None:
    """What is wrong with the end of a run; None where nothing is.

    Args:
        code: the exit code.
        out: what it printed.
        err: what it printed on the standard error stream.
        left: names of the files that it made.
        given: its input.
    """
    output = {given.arguments[1]}
    if code not in CODES:
        return f"exit code {code}: {err.strip()[-200:]}"
    if "Traceback" in err or "unexpected" in err:
        return f"traceback: {err.strip()[-200:]}"
    if out:
        return f"printed {out[:100]!r}"
    if code in (0, 6):
        return None if left == output else f"exit code {code} with {sorted(left)}"
    if left:
        return f"exit code {code} leaves {sorted(left)}"
    is_line = err.startswith("stream-anon: ") and err.endswith("\n") and err.count("\n") == 1
    return None if is_line else f"exit code {code} with {err.count(chr(10))} lines: {err[:200]!r}"


# -- the worker -------------------------------------------------------------------------------


def work(seeds: Path, seed: int) -> None:
    """Run the inputs whose numbers come in on standard input; answer each with a line of JSON."""
    import resource  # noqa: PLC0415 - Windows has none

    answers = os.fdopen(os.dup(1), "w")
    printed, errors = (tempfile.TemporaryFile() for _ in range(2))  # noqa: SIM115
    os.dup2(printed.fileno(), 1)
    os.dup2(errors.fileno(), 2)
    from stream_anon.cli.main import run  # noqa: PLC0415 - now that its output is caught

    _use_stand_in()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    files = fuzz_inputs.read_seeds(seeds)
    for line in sys.stdin:
        given = fuzz_inputs.damaged(files, seed, int(line))
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            Path(given.name).write_bytes(given.data)
            clip = str(seeds / "h264.mp4")
            code = run(["redact", *(a.format(clip=clip) for a in given.arguments), "-q"])
            sys.stdout.flush()
            sys.stderr.flush()
            left = {path.name for path in Path().iterdir()} - {given.name}
            wrong = judge(code, _taken(printed), _taken(errors), left, given)
            threads = [t.name for t in threading.enumerate() if t.name.startswith("stream_anon ")]
            if threads and not wrong:
                wrong = f"threads go on: {threads}"
            os.chdir("/")
        answer = {"code": code, "wrong": wrong, "memory": _memory()}
        print(json.dumps(answer), file=answers, flush=True)


def _taken(file: Any) -> str:
    """What was written to a file since the last time."""
    file.seek(0)
    said = file.read().decode("utf-8", "replace")
    file.seek(0)
    file.truncate()
    return str(said)


def _memory() -> int:
    """Bytes of this process in memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _use_stand_in() -> None:
    """A detector that costs nothing."""
    from stream_anon.core.parts import Box  # noqa: PLC0415 - the parent needs none of it
    from stream_anon.pipeline import recording  # noqa: PLC0415
    from stream_anon.pipeline.engines import Engines  # noqa: PLC0415
    from tests.stubs import StubParser, face  # noqa: PLC0415

    def parse(frame: Any, _pass: Any) -> list[Any]:
        width, height = frame.width, frame.height
        return [face(Box(width / 3, height / 3, width / 3, height / 3))]

    vars(recording)["load_engines"] = lambda *_: Engines([StubParser(parse)])


# -- the parent -------------------------------------------------------------------------------


class Worker:
    """One process that runs inputs."""

    def __init__(self, seeds: Path, seed: int) -> None:
        """Args: seeds: folder of healthy files. seed: of the campaign."""
        self.first: int | None = None
        """Bytes that it held after the first inputs."""
        self.done = 0
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--work", str(seeds), str(seed)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "STREAM_ANON_DEBUG": "0"},
            text=True,
        )

    def try_input(self, number: int) -> tuple[int | None, str | None]:
        """Exit code and what is wrong; the worker is to be replaced where the code is None."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{number}\n")
        self._process.stdin.flush()
        began = monotonic()
        if not select.select([self._process.stdout], [], [], HANGS)[0]:
            self.close()
            return None, f"hangs for more than {monotonic() - began:.0f} s"
        line = self._process.stdout.readline()
        if not line:
            return None, f"the process ended with code {self._process.wait()}"
        answer = json.loads(line)
        self.done += 1
        wrong = answer["wrong"]
        if self.done == INPUTS_EACH // 5:
            self.first = answer["memory"]
        if self.first and answer["memory"] > self.first + GROWTH and not wrong:
            wrong = f"memory grew to {answer['memory'] >> 20} MiB"
        return answer["code"], wrong

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


def campaign(count: int, seed: int, kept: Path | None = None) -> tuple[Counter[int], list[Fault]]:
    """Try inputs 0 to `count` of a seed.

    Args:
        count: of inputs.
        seed: of the campaign.
        kept: a folder for the inputs that did not end as they should.

    Returns:
        How often each exit code came, and the faults.
    """
    codes: Counter[int] = Counter()
    faults: list[Fault] = []
    with tempfile.TemporaryDirectory() as name:
        seeds = Path(name)
        fuzz_inputs.make_seeds(seeds)
        fuzz_inputs.make_masks(seeds, _redact)
        files = fuzz_inputs.read_seeds(seeds)
        worker = Worker(seeds, seed)
        try:
            for number in range(count):
                code, wrong = worker.try_input(number)
                if code is not None:
                    codes[code] += 1
                if wrong:
                    given = fuzz_inputs.damaged(files, seed, number)
                    faults.append(Fault(number, wrong, given.name, given.damage))
                    if kept is not None:
                        kept.mkdir(parents=True, exist_ok=True)
                        (kept / f"{number}-{given.name}").write_bytes(given.data)
                        print(*faults[-1], " ".join(given.arguments), flush=True)
                if code is None or worker.done >= INPUTS_EACH:
                    worker.close()
                    worker = Worker(seeds, seed)
        finally:
            worker.close()
    return codes, faults


def _redact(arguments: list[str]) -> int:
    command = [sys.executable, "-m", "stream_anon", *arguments]
    return subprocess.run(command, cwd=ROOT, check=True).returncode


def main() -> int:
    """`fuzz.py COUNT [SEED]`."""
    if sys.argv[1:2] == ["--work"]:
        work(Path(sys.argv[2]), int(sys.argv[3]))
        return 0
    if not (len(sys.argv) in (2, 3) and all(word.isdecimal() for word in sys.argv[1:])):
        print("usage: scripts/fuzz COUNT [SEED]", file=sys.stderr)
        return 2
    count, seed = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) == 3 else 1
    kept = ROOT / "bench" / "fuzz" / f"seed-{seed}"
    shutil.rmtree(kept, ignore_errors=True)
    began = monotonic()
    codes, faults = campaign(count, seed, kept)
    took = monotonic() - began
    said = ", ".join(f"{number} times {code}" for code, number in sorted(codes.items()))
    print(f"{count} inputs of seed {seed} in {took:.0f} s; exit codes: {said}")
    print(f"{len(faults)} faults{f': see {kept.relative_to(ROOT)}' if faults else ''}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
