"""m2fp on one frame of 1280x720: ours converted, against the same network run by PyTorch as it is.

The network has the published configuration and made-up weights: speed does not depend on them.
Each contender runs in a process of its own, in turn:
  eager   PyTorch in fp32, with the published post-processing at the frame's full size
  fp32    the parser of stream_anon
  int8    the same, in eight bits
All of them take all cores, and the time is that from a frame to its parts.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from footage import make_footage  # noqa: E402

from stream_anon.detectors.base import whole_frame_pass  # noqa: E402
from stream_anon.detectors.m2fp import convert, load_network, parser  # noqa: E402
from stream_anon.detectors.m2fp.configuration import MEAN, read_configuration  # noqa: E402
from stream_anon.detectors.picture import working_picture  # noqa: E402
from stream_anon.pipeline.calibration import calibration_pictures  # noqa: E402
from stream_anon.sources.file import MediaSource  # noqa: E402
from tests.m2fp_models import write_full_model  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

SHORT_SIDES = (256, 640)
"""The first is the default."""
CONTENDERS = ("eager", "fp32", "int8")


def measure(folder: Path, rounds: int) -> list[dict[str, Any]]:
    """Every contender at every working size, in turn, `rounds` times; prints and returns rows."""
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    model = folder / "m2fp-full"
    if not (model / "pytorch_model.pt").is_file():
        write_full_model(model)
    clip = make_footage(folder / "m2fp.mp4", seconds=2.0, sound=False).path
    convert.convert(model)
    for side in SHORT_SIDES:
        if convert.find_converted(model, "int8", side) is None:
            pictures = calibration_pictures(clip, side)
            convert.convert(model, "int8", pictures=pictures, short_side=side)
    rows: list[dict[str, Any]] = []
    print(f"\n{'m2fp, short side':18}{'eager s':>9}{'fp32 s':>9}{'int8 s':>9}", end="")
    print(f"{'fp32 x':>8}{'int8 x':>8}{'post':>8}")
    for side in SHORT_SIDES:
        runs: dict[str, list[dict[str, float]]] = {}
        for _ in range(rounds):
            for contender in CONTENDERS:
                runs.setdefault(contender, []).append(_apart(contender, model, clip, side))
        rows.append(_row(side, runs))
    return rows


def _row(side: int, runs: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    took = {name: median(run["seconds"] for run in done) for name, done in runs.items()}
    row = {
        "short_side": side,
        "seconds": {name: round(value, 3) for name, value in took.items()},
        "fp32_times_faster": round(took["eager"] / took["fp32"], 1),
        "int8_times_faster": round(took["eager"] / took["int8"], 1),
        "post_share": round(median(run["post"] for run in runs["fp32"]), 3),
    }
    print(
        f"{side:<18}{took['eager']:9.2f}{took['fp32']:9.3f}{took['int8']:9.3f}"
        f"{row['fp32_times_faster']:8}{row['int8_times_faster']:8}{row['post_share']:8}",
        flush=True,
    )
    return row


def _apart(contender: str, model: Path, clip: Path, side: int) -> dict[str, float]:
    command = [sys.executable, __file__, contender, str(model), str(clip), str(side)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _run(contender: str, model: Path, clip: Path, side: int) -> dict[str, float]:
    """One contender: the median time of one frame, and the share that post-processing takes."""
    source = MediaSource(clip)
    frame, info = next(iter(source.frames())), source.info
    source.close()
    detection_pass = whole_frame_pass(info, side)
    spent: list[float] = []
    parse: Callable[[], object]
    if contender == "eager":
        parse = _eager(model, frame, detection_pass, info)
    else:
        ours = _ours(contender, model, side, info, spent)
        parse = lambda: ours.parse(frame, detection_pass)  # noqa: E731
    parse()
    spent.clear()
    times = []
    for _ in range(3 if contender == "eager" else 7):
        began = perf_counter()
        parse()
        times.append(perf_counter() - began)
    return {"seconds": median(times), "post": median(spent) / median(times) if spent else 0.0}


def _ours(
    contender: str, model: Path, side: int, info: Any, spent: list[float]
) -> parser.M2FPParser:
    found = convert.find_converted(model, contender, side * (contender == "int8"))  # type: ignore[arg-type]
    assert found is not None
    ours = parser.M2FPParser(
        read_configuration(model), found, info.color, min_score=0.2, min_area=16.0
    )
    whole, network = ours.parse, ours._network.run  # noqa: SLF001

    def timed(frame: Any, detection_pass: Any) -> Any:
        ran: list[float] = []

        def run(picture: Any) -> Any:
            answer = network(picture)
            ran.append(perf_counter())
            return answer

        ours._network.run = run  # type: ignore[method-assign]  # noqa: SLF001
        parts = whole(frame, detection_pass)
        spent.append(perf_counter() - ran[0])
        return parts

    ours.parse = timed  # type: ignore[method-assign]
    return ours


def _eager(model: Path, frame: Any, detection_pass: Any, info: Any) -> Callable[[], object]:
    import torch  # noqa: PLC0415

    from stream_anon.detectors.m2fp.reference import parts_and_humans  # noqa: PLC0415

    network = load_network(model)
    torch.set_num_threads(os.cpu_count() or 1)

    def parse() -> object:
        picture = working_picture(frame, detection_pass, info.color, 1.0, MEAN)
        seen = np.ascontiguousarray(picture.rgb[:, :, : picture.rows, : picture.columns])
        with torch.inference_mode():
            answer = network(torch.from_numpy(seen))
            return parts_and_humans(
                answer, (picture.rows, picture.columns), (frame.height, frame.width), 20
            )

    return parse


if __name__ == "__main__":
    cv2.setNumThreads(1)
    name, model_dir, video, short = sys.argv[1:]
    print(json.dumps(_run(name, Path(model_dir), Path(video), int(short))))
