"""One contender of the bench, alone in its process; prints its figures as one line of JSON."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import av

from stream_anon.config import Settings
from stream_anon.sinks.encoding.encoders import options_for


def copy(source: Path, output: Path) -> None:
    """Decode and encode with stream_anon's encoder settings, and nothing in between."""
    with av.open(str(source)) as reader, av.open(str(output), "w") as writer:
        video = reader.streams.video[0]
        video.thread_type = "AUTO"
        options = options_for("libx264", "mp4", Settings().output)
        stream = writer.add_stream("libx264", rate=video.average_rate, options=options)
        stream.width, stream.height, stream.pix_fmt = video.width, video.height, "yuv420p"
        stream.codec_context.time_base = video.time_base
        stream.thread_type = "AUTO"  # as our sink has it
        for frame in reader.decode(video):
            frame.pict_type = 0
            if frame.format.name not in ("yuv420p", "yuvj420p"):
                pts = frame.pts
                frame = frame.reformat(format="yuv420p")  # noqa: PLW2901
                frame.pts = pts
            writer.mux(stream.encode(frame))
        writer.mux(stream.encode(None))


def contender(name: str) -> Callable[[Path, Path], None]:
    """Import one contender and nothing of the others; importing is not part of the time."""
    if name == "a":
        return copy
    if name == "b":
        import stream_anon  # noqa: PLC0415

        return lambda source, output: void(stream_anon.redact(source, output, overwrite=True))
    from deface.deface import main  # noqa: PLC0415

    more = ["--scale", "640x360"] if name == "deface-640" else []

    def peer(source: Path, output: Path) -> None:
        sys.argv = ["deface", str(source), "-o", str(output), *more]
        main()

    return peer


def void(_result: object) -> None:
    """Forget a result."""


def main() -> None:
    """Run one contender and print frames, seconds and peak memory of this process in MB."""
    run, source, output = contender(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
    with av.open(str(source)) as container:
        frames = sum(1 for packet in container.demux(video=0) if packet.size)
    began = perf_counter()
    with contextlib.redirect_stdout(sys.stderr):
        run(source, output)
    seconds = perf_counter() - began
    # Not ru_maxrss: that starts with what the process had that started us.
    status = Path("/proc/self/status").read_text()
    peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
    print(json.dumps({"frames": frames, "seconds": seconds, "peak_mb": peak}))


if __name__ == "__main__":
    main()
