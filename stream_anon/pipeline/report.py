"""Summary of a run, and its report as JSON. No pictures."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from stream_anon.audit.custody import hash_of, program_sha256
from stream_anon.core.credentials import printable
from stream_anon.core.redacted import Unknown
from stream_anon.core.zones import count_people

if TYPE_CHECKING:
    from pathlib import Path

    from stream_anon.config import Settings
    from stream_anon.core.files import HashedFile
    from stream_anon.core.redacted import MaskedFrame, RedactedFrame
    from stream_anon.pipeline.excerpt import Selection


@dataclass(slots=True)
class Summary:
    """Counts of one run; grows while it runs."""

    frames: int = 0
    """Frames done."""
    expected_frames: int | None = None
    """Expected number of frames, according to the container."""
    keyframes: int = 0
    """Frames with a detection pass."""
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
    """Notes for the user: where the output differs from the request."""

    @property
    def complete(self) -> bool:
        """Everything in the input could be decoded."""
        damaged = self.hidden_whole[Unknown.CORRUPT.value]
        return not (self.lost_frames or self.lost_packets or damaged)

    @property
    def hidden_now(self) -> int:
        """People hidden in the last frame."""
        return max(0, self.people[-1]) if self.people else 0

    @property
    def fps(self) -> float:
        """Frames done for each second of the run."""
        return self.frames / self.seconds if self.seconds else 0.0

    def count(self, masked: MaskedFrame, redacted: RedactedFrame | None) -> None:
        """Take one frame into account; one that was not redacted counts by its masks."""
        self.frames += 1
        self.keyframes += masked.is_keyframe
        whole = masked.parts if isinstance(masked.parts, Unknown) else None
        if redacted is not None:
            whole = redacted.hidden_whole
        if whole is not None:
            self.hidden_whole[whole.value] += 1
            self.people.append(-1)
        elif isinstance(masked.parts, tuple):
            self.people.append(count_people(masked.parts))

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
            "notes": [printable(note) for note in self.notes],
        }


def report_record(
    summary: Summary,
    settings: Settings,
    source: HashedFile,
    *,
    engine: str,
    model_hash: str,
    tracks: HashedFile | None = None,
    masks: HashedFile | None = None,
    edits: tuple[HashedFile, list[dict[str, Any]]] | None = None,
    selection: Selection,
    promises: dict[str, str],
    output: tuple[Path, str | None] | None = None,
    seal: tuple[Path, str] | None = None,
) -> dict[str, Any]:
    """The record of a run.

    Args:
        summary: its counts.
        settings: what it was asked to do.
        source: the input.
        engine: what found the faces.
        model_hash: SHA-256 of its weights; empty where it has none.
        tracks: the tracks file that said what to hide, if any.
        masks: the same of a record of masks.
        edits: the file of its edits, and what is in it, reasons included.
        selection: what of the input was asked for.
        promises: what each method promises, by its name.
        output: its name, and SHA-256 where it is known; None where nothing was rendered.
        seal: the same of what was hidden, encrypted; None where nothing was sealed.
    """
    asked = settings.model_dump(mode="json")
    name, sha256 = (printable(output[0].name), output[1]) if output else (None, None)
    return {
        "stream_anon_report": 1,
        "version": package_version(),
        "program": {"version": package_version(), "sha256": program_sha256()},
        "input": _named(source),
        "output": {"name": name, "sha256": sha256} if output else None,
        "seal": {"name": printable(seal[0].name), "sha256": seal[1]} if seal else None,
        "engine": {"name": engine, "model_sha256": model_hash or None},
        "tracks": _named(tracks) if tracks else None,
        "masks": _named(masks) if masks else None,
        **({"edits": {**_named(edits[0]), "list": edits[1]}} if edits else {}),
        **selection.to_dict(),
        "methods": promises,
        "settings": asked,
        "settings_sha256": hash_of(asked),
        **summary.to_dict(),
    }


def _named(file: HashedFile) -> dict[str, str | None]:
    return {"name": printable(file.path.name), "sha256": file.final_hash()}


def package_version() -> str:
    """Of stream_anon."""
    try:
        return version("stream-anon")
    except PackageNotFoundError:
        return "not installed"
