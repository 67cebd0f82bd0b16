"""Videos to measure on: made once, kept in the bench's folder."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from footage import make_footage

RATE = 30
SHARED = Path(__file__).resolve().parents[2] / "shared"
"""Real clips and the tool that makes stress clips, where somebody has put them."""
STRESS = ("cuts", "pan", "roll", "dark", "crowd", "occlude", "enter")
PLAIN = {
    "eat": "eat.mkv",
    "walk": "walk.mkv",
    "face-demographics-walking-and-pause": "face-demographics-walking-and-pause.gif",
    "head-pose-face-detection-female": "head-pose-face-detection-female.gif",
}


def write(path: Path, pictures: Iterator[np.ndarray]) -> Path:
    """Write BGR pictures (rows, columns, 3) of uint8 as H.264, unless the file is there."""
    if path.exists():
        return path
    part = path.with_name(f"part-{path.name}")
    with av.open(str(part), "w") as container:
        stream = None
        for index, picture in enumerate(pictures):
            if stream is None:
                options = {"preset": "fast", "crf": "18"}
                stream = container.add_stream("libx264", rate=RATE, options=options)
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = "yuv420p"
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="bgr24")
            frame.pts, frame.time_base = index, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return part.replace(path)


def repeated(path: Path, source: Path, times: int) -> Path:
    """`source` again and again, its packets copied, unless the file is there."""
    if path.exists():
        return path
    part = path.with_name(f"part-{path.name}")
    with av.open(str(source)) as reader, av.open(str(part), "w") as writer:
        video = reader.streams.video[0]
        stream = writer.add_stream_from_template(video)
        length = video.duration
        for number in range(times):
            reader.seek(0)
            for packet in reader.demux(video):
                if packet.size:
                    packet.pts, packet.dts = (
                        packet.pts + number * length,
                        packet.dts + number * length,
                    )
                    packet.stream = stream
                    writer.mux(packet)
    return part.replace(path)


def looped(source: Path, count: int, size: tuple[int, int]) -> Iterator[np.ndarray]:
    """`count` pictures of `source`, played forwards and backwards, filling `size`."""
    with av.open(str(source)) as container:
        pictures = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    width, height = size
    rows, columns = pictures[0].shape[:2]
    scale = max(width / columns, height / rows)
    inner = (max(width, round(columns * scale)), max(height, round(rows * scale)))
    left, top = (inner[0] - width) // 2, (inner[1] - height) // 4
    for index in range(count):
        k = index % (2 * len(pictures) - 2)
        picture = pictures[k if k < len(pictures) else 2 * len(pictures) - 2 - k]
        large = cv2.resize(picture, inner, interpolation=cv2.INTER_CUBIC)
        yield large[top : top + height, left : left + width]


def quiet(source: Path, count: int, size: tuple[int, int]) -> Iterator[np.ndarray]:
    """One picture of `source` with a camera's noise: people are in view and nothing moves."""
    rng = np.random.default_rng(0)
    still = next(looped(source, 1, size)).astype(np.int16)
    noise = [rng.normal(0, 1.5, still.shape).astype(np.int16) for _ in range(8)]
    for index in range(count):
        yield np.clip(still + noise[index % len(noise)], 0, 255).astype(np.uint8)


def plain_source(folder: Path) -> Path:
    """Footage with a face in every frame: a real clip, or the demo's person without them."""
    real = SHARED / "clips" / "walk.mkv"
    if real.exists():
        return real
    path = folder / "demo-source.mp4"
    if not path.exists():
        make_footage(path, sound=False)
    return path


def stress_folder(folder: Path) -> Path | None:
    """The seven stress clips with their truth, made if need be; None without the shared tool."""
    tool, clips = SHARED / "tools" / "stress.py", SHARED / "clips"
    if not tool.exists():
        return None
    made = folder / "stress"
    if not (made / "truth.json").exists():
        subprocess.run(
            [sys.executable, str(tool), str(clips), str(clips / "truth.json"), str(made)],
            check=True,
            stdout=subprocess.DEVNULL,
        )
    return made
