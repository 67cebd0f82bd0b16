"""Leaving some people of a tracks file clear, wherever it is sure that it is them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stream_anon.core.redacted import MaskedFrame, Unknown
from stream_anon.errors import ConfigError
from stream_anon.masking.keeping import Keeping, add_crossings, listed
from stream_anon.masking.tracks_masker import TracksMasker

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from stream_anon.core.clear import Clear
    from stream_anon.core.frame import Frame, StreamInfo
    from stream_anon.masking.keeping import Crossings
    from stream_anon.masking.tracks_file import TracksFile


def kept_in(tracks: TracksFile, clear: Clear) -> frozenset[int]:
    """The numbers of the tracks that are left clear.

    Raises:
        ConfigError: there is no such number.
    """
    known = {track.id for track in tracks.tracks if track.id >= 0}
    for number in (*clear.keep, *clear.only):
        if number not in known:
            raise ConfigError(
                f"the tracks file has nobody with the number {number}: it has {listed(known)}"
            )
    persons = tracks.people()
    chosen = {persons[number] for number in (*clear.keep, *clear.only)}
    return frozenset(n for n in known if (persons[n] in chosen) == bool(clear.keep))


class KeepingMasker:
    """Masks of a tracks file without those of some people, where it is surely them."""

    def __init__(self, tracks: TracksFile, clear: Clear, info: StreamInfo) -> None:
        """Args: clear: who is left clear. info: of the video that is rendered.

        Raises:
            ConfigError: there is no such person, or the tracks belong to a video of another size.
        """
        kept = kept_in(tracks, clear)
        # Hidden is what --only names, and of the rest what the file says.
        drawn = [
            track.model_copy(update={"hide": track.hide or bool(clear.only)})
            if track.id not in kept
            else track.model_copy(update={"hide": True})
            for track in tracks.tracks
        ]
        self._masker = TracksMasker(tracks.model_copy(update={"tracks": drawn}), info)
        self._begins: dict[int, int] = {}
        """First frame of each kept track."""
        for track in tracks.tracks:
            if track.id in kept and track.boxes:
                first = min(box[0] for box in track.boxes)
                self._begins[track.id] = min(first, self._begins.get(track.id, first))
        crossings: Crossings = {}
        for index, shown in self._masker.parts.items():
            add_crossings(crossings, index, shown, kept)
        self._keeping = Keeping(crossings, float(info.zero), tracks.people())

    def masks(self, frames: Iterable[Frame]) -> Iterator[MaskedFrame]:
        """Every frame with its mask, in order."""
        for masked in self._masker.masks(frames):
            if isinstance(masked.parts, Unknown):
                yield masked
            else:
                hidden = self._keeping.hidden(masked.frame, masked.parts, self._begins)
                yield MaskedFrame(masked.frame, hidden)

    @property
    def notes(self) -> list[str]:
        """Where people who are to be clear were hidden, for somebody to review."""
        return self._keeping.notes
