"""What a run did: for the person who waits for it, and as JSON for the record. No pictures."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stream_anon.errors import SinkError

if TYPE_CHECKING:
    from pathlib import Path

    from stream_anon.config import Settings
    from stream_anon.frame import MaskedFrame, RedactedFrame


@dataclass(slots=True)
class Summary:
    """Counts of one run; grows while it runs."""

    frames: int = 0
    """Frames written."""
    expected_frames: int | None = None
    """What the container promised; an estimate."""
    keyframes: int = 0
    """Frames that a parser looked at."""
    hidden_whole: Counter[str] = field(default_factory=Counter)
    """Frames hidden whole, by reason."""
    people: list[int] = field(default_factory=list)
    """People hidden, frame by frame; -1 where the frame is hidden whole."""
    seconds: float = 0.0
    """How long the run took."""
    lost_frames: int = 0
    """Frames that the input promised and that could not be read."""
    lost_packets: int = 0
    """Packets that the decoder refused."""
    lost_reason: str | None = None
    notes: list[str] = field(default_factory=list)
    """What differs from what was asked for."""

    @property
    def complete(self) -> bool:
        """Everything in the input could be decoded."""
        return not (self.lost_frames or self.lost_packets or self.hidden_whole)

    @property
    def hidden_now(self) -> int:
        """People hidden in the last frame."""
        return max(0, self.people[-1]) if self.people else 0

    @property
    def fps(self) -> float:
        """Frames written for each second of the run."""
        return self.frames / self.seconds if self.seconds else 0.0

    def count(self, masked: MaskedFrame, redacted: RedactedFrame) -> None:
        """Take one frame into account."""
        self.frames += 1
        self.keyframes += masked.looked
        if redacted.hidden_whole is not None:
            self.hidden_whole[redacted.hidden_whole.value] += 1
            self.people.append(-1)
        elif isinstance(masked.parts, tuple):
            self.people.append(len({part.person for part in masked.parts}))

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "frames": self.frames,
            "keyframes": self.keyframes,
            "frames_hidden_whole": dict(self.hidden_whole),
            "people_per_frame": self.people,
            "lost": {
                "frames": self.lost_frames,
                "packets": self.lost_packets,
                "reason": self.lost_reason,
            },
            "seconds": round(self.seconds, 3),
            "fps": round(self.fps, 2),
            "notes": self.notes,
        }


def file_hash(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_report(
    path: Path, summary: Summary, settings: Settings, source: Path, engine: str, model_hash: str
) -> None:
    """Write the record of a run as JSON.

    Raises:
        SinkError: it cannot be written.
    """
    record = {
        "stream_anon_report": 1,
        "input": {"name": source.name, "sha256": file_hash(source)},
        "engine": {"name": engine, "model_sha256": model_hash},
        "settings": settings.model_dump(mode="json"),
        **summary.to_dict(),
    }
    write_json(path, record)


def write_json(path: Path, record: dict[str, Any]) -> None:
    """Write a file whole or not at all.

    Raises:
        SinkError: it cannot be written.
    """
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise SinkError(f"cannot write {path}: {(error.strerror or 'failed').lower()}") from error
