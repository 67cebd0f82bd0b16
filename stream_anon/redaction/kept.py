"""What methods keep of tracks from frame to frame."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from typing import Any

MOST_TRACKS = 1024
"""Tracks of which something is kept; the one seen longest ago is let go first."""
GONE = "gone"
"""In what is kept of a track that was let go before: nothing of it may be released again, because
two releases tell more than one."""


class KeptOfTracks:
    """Of all tracks of a run, by their seeds. Used by one thread."""

    def __init__(self, secret: int | None = None) -> None:
        """Args: secret: what noise is drawn from. None draws one that is nowhere else and is never
        told: whoever knows it can take the noise away.
        """
        self.secret = secrets.randbits(128) if secret is None else secret
        self._tracks: OrderedDict[int, dict[Any, Any]] = OrderedDict()
        self._gone: set[int] = set()

    def of(self, seed: int) -> dict[Any, Any]:
        """What is kept of one track; to be written to."""
        if seed not in self._tracks:
            self._tracks[seed] = {GONE: True} if seed in self._gone else {}
        self._tracks.move_to_end(seed)
        if len(self._tracks) > MOST_TRACKS:
            gone, _ = self._tracks.popitem(last=False)
            self._gone.add(gone)
        return self._tracks[seed]
