"""Looks at a stream with PyAV, in a process of its own: a hang there hangs no test."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import av

from tests.live.clips import number_of
from tests.live.process import PATIENCE, Program

if TYPE_CHECKING:
    from collections.abc import Sequence

SOUND = "sound"
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Seen:
    """One frame that came."""

    at: float
    """When, in seconds of the monotonic clock."""
    time: float | None
    """By its own time stamp, in seconds."""
    width: int
    height: int
    number: int | None
    """What `clips.read_number` found in it."""


class Watcher(Program):
    """Decodes the video of an address, and tells of each frame."""

    def __init__(self, url: str, **options: str) -> None:
        """Nothing runs yet; the options are FFmpeg's."""
        super().__init__()
        quick = {"probesize": "200000", "analyzeduration": "200000"}
        self._arguments = json.dumps([url, {"rtsp_transport": "tcp", **quick, **options}])
        self.sounds = 0
        """Packets of sound that came, up to the last frame waited for."""

    def command(self) -> list[str]:
        paths = f"import sys; sys.path[:0] = {[str(ROOT), str(ROOT / 'scripts')]}"
        program = f"{paths}; from tests.live.watcher import main; main()"
        return [sys.executable, "-c", program, self._arguments]

    def frame(self, limit: float = PATIENCE) -> Seen | None:
        """Wait for the next frame; None where none comes in `limit` seconds.

        Raises:
            RuntimeError: the stream has ended, or could not be opened.
        """
        deadline = monotonic() + limit
        while (line := self.line(max(0.0, deadline - monotonic()))) == SOUND:
            self.sounds += 1
        return None if line is None else Seen(*json.loads(line))

    def frames(self, count: int, limit: float = PATIENCE) -> list[Seen]:
        """Wait for as many frames, for each at most `limit` seconds."""
        found: list[Seen] = []
        for _ in range(count):
            seen = self.frame(limit)
            assert seen is not None, f"frame {len(found)} did not come"
            found.append(seen)
        return found

    def drain(self, quiet: float = 0.5) -> None:
        """Read until nothing comes for `quiet` seconds."""
        while self.frame(quiet) is not None:
            pass


def main() -> None:
    """What runs in the process."""
    _say("ready")
    url, options = json.loads(sys.argv[1])
    with av.open(url, options=options) as container:
        container.streams.video[0].codec_context.thread_type = "SLICE"
        for packet in container.demux():
            for frame in _decoded(packet):
                if isinstance(frame, av.VideoFrame):
                    number = number_of(frame)
                    seen = [monotonic(), frame.time, frame.width, frame.height, number]
                    _say(json.dumps(seen))
                else:
                    _say(SOUND)


def _decoded(packet: av.Packet[Any]) -> Sequence[object]:
    try:
        return packet.decode()
    except av.InvalidDataError:
        return []  # damaged, or before the first keyframe


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
