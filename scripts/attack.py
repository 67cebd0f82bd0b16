"""Is somebody recognised behind a mask? Attacks on every method, repeatable.

The attacker has pictures that were hidden in the same way, with names on them, and trains on these;
everything that the mask does not cover is somebody else's, so that only what is inside can tell.
Methods are told against chance and against clear faces, with 95 % intervals (Wilson).

  one         one frame of each track
  mean        the mean of 30 frames of a track, which trembles and has noise as a camera's does
  restored    clear faces learned back from hidden ones (kernel ridge regression), then recognised
              by whoever knows the clear ones only
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from attack_faces import SHARED_FACES, hidden, outlines, people_in
from attack_models import ATTACKERS, closed_set, restored

from stream_anon.redaction.registry import METHODS

CLEAR = "clear"


def interval(right: int, total: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share, in percent."""
    z, share = 1.96, right / total
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * (share * (1 - share) / total + z * z / (4 * total**2)) ** 0.5
    return round(100 * max(0.0, middle - half), 1), round(100 * min(1.0, middle + half), 1)


def told(answers: np.ndarray, people: int, photos: int) -> dict[str, Any]:
    """How many of the answers, one for each photo, are right."""
    truth = np.repeat(np.arange(people), photos)
    right = int((answers == truth).sum())
    low, high = interval(right, len(truth))
    return {"percent": round(100 * right / len(truth), 1), "from": low, "to": high}


def attack(images: np.ndarray, method: str, *, frames: int) -> dict[str, Any]:
    """All attacks on one method, by name."""
    people, photos = images.shape[:2]
    clear = hidden(images, None, frames=1)[0]
    shown = hidden(images, None if method == CLEAR else method, frames=frames)
    result: dict[str, Any] = {}
    for what, pictures in (("one", shown[0]), ("mean", shown.mean(0))):
        answers = {
            name: told(closed_set(make, pictures, people), people, photos)
            for name, make in ATTACKERS.items()
        }
        best = max(answers, key=lambda name: answers[name]["percent"])
        result[what] = {"best": best, **answers[best], "all": answers}
    if method != CLEAR:
        result["restored"] = told(restored(clear, shown[0], people), people, photos)
    return result


def main() -> None:
    """Parse the options, attack, print and write attack.json."""
    parser = argparse.ArgumentParser(
        prog="scripts/attack", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--faces",
        type=Path,
        default=SHARED_FACES,
        help="npz with `images`: people, photos, rows, columns",
    )
    parser.add_argument("--methods", help="joined by commas; all of them, and clear faces")
    parser.add_argument("--frames", type=int, default=30, help="frames of each track (30)")
    parser.add_argument("--outlines", action="store_true", help="the outlines of masks instead")
    parser.add_argument("--folder", type=Path, default=Path("bench"), help="for attack.json")
    options = parser.parse_args()
    if not options.faces.exists():
        sys.exit(f"scripts/attack: no faces in {options.faces}: name a file with --faces")
    images = people_in(options.faces)
    people, photos = images.shape[:2]
    chance = round(100 / people, 1)
    print(f"{people} people, {photos} photos of each; chance {chance} %")
    result: dict[str, Any] = {"people": people, "photos": photos, "chance": chance}
    if options.outlines:
        for name, features in outlines(images).items():
            known = features[:, 0] >= 0
            names = np.repeat(np.arange(people), photos)[known]
            rates = {
                a: _rate(make, features[known], names)
                for a, make in ATTACKERS.items()
                if a != "network"
            }
            print(
                f"outlines, {name:12} {max(rates.values()):5.1f} %  of {known.sum()} photos", rates
            )
            result[f"outlines {name}"] = rates
    else:
        every = [CLEAR, *(method.name for method in METHODS)]
        for method in options.methods.split(",") if options.methods else every:
            result[method] = found = attack(images, method, frames=options.frames)
            print(
                f"{method:12}"
                + "".join(
                    f"{what}: {row['percent']:5.1f} ({row['from']} to {row['to']})  "
                    for what, row in found.items()
                ),
                flush=True,
            )
    options.folder.mkdir(parents=True, exist_ok=True)
    (options.folder / "attack.json").write_text(json.dumps(result, indent=1) + "\n")


def _rate(make: Any, features: np.ndarray, names: np.ndarray) -> float:
    answers = closed_set(make, features, names=names)
    return round(100 * float((answers == names).mean()), 1)


if __name__ == "__main__":
    main()
