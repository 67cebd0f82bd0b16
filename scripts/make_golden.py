"""Write the golden masks: what the defaults hide in the demo footage, frame by frame.

usage: make_golden.py [FILE]        (default: tests/golden/masks.json)

Run it after a change of the masks that is meant, look at what changed, and commit the file.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from footage import make_footage

import stream_anon

GOLDEN = Path(__file__).parents[1] / "tests" / "golden" / "masks.json"
CLIP: dict[str, Any] = {"width": 640, "height": 360, "seconds": 5.0, "sound": False}


class Rectangle(NamedTuple):
    """Hidden part of a frame, in pixels."""

    x: float
    y: float
    width: float
    height: float


def masks_of(tracks: Path) -> list[list[Rectangle]]:
    """What an exported tracks file hides, by frame."""
    record = json.loads(tracks.read_text())
    frames: list[list[Rectangle]] = [[] for _ in range(record["frames"])]
    for track in record["tracks"]:
        for index, *box in track["boxes"]:
            frames[index].append(Rectangle(*box))
    return frames


def make_masks(folder: Path) -> list[list[Rectangle]]:
    """Redact the fixed clip in `folder` with the defaults."""
    clip = make_footage(folder / "golden.mp4", **CLIP)
    tracks = folder / "tracks.json"
    stream_anon.redact(clip.path, folder / "out.mp4", export_tracks=tracks)
    return masks_of(tracks)


def main(path: Path) -> None:
    """Write the golden file."""
    with TemporaryDirectory() as folder:
        frames = make_masks(Path(folder))
    rows = [json.dumps([[round(v) for v in box] for box in frame]) for frame in frames]
    body = ",\n".join(f"  {row}" for row in rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'{{"clip": {json.dumps(CLIP)},\n "frames": [\n{body}\n ]}}\n')
    print(f"{path}: {len(frames)} frames, {sum(map(len, frames))} masks")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else GOLDEN)
