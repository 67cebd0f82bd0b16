"""Whoever is told what the redactor hides, before it is drawn over. Sealing is the one use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stream_anon.core.frame import Planes
    from stream_anon.core.parts import Part
    from stream_anon.redaction.regions import Region


class HiddenObserver(Protocol):
    """Called once for each frame, in order, in the thread of the redactor.

    The planes are raw and hold for the call only: what is kept of them must be encrypted.
    """

    def see_parts(self, planes: Planes, parts: Sequence[Part], regions: Sequence[Region]) -> None:
        """A frame of which parts are hidden.

        Args:
            planes: nothing is hidden in them yet.
            parts: none where nobody is hidden.
            regions: what is drawn over, for each part; its soft edge included.
        """

    def see_whole(self, planes: Planes) -> None:
        """A frame that is hidden whole."""
