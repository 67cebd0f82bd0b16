"""Who of a tracks file is left clear, as it is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from stream_anon.errors import ConfigError

REVIEW = "review:"
"""Begins a note about where somebody was hidden who is to be clear."""


@dataclass(frozen=True, slots=True)
class Clear:
    """Who is left clear of a tracks file."""

    keep: tuple[int, ...] = ()
    """These, and whoever is joined with them; everybody else is hidden."""
    only: tuple[int, ...] = ()
    """Everybody but these and whoever is joined with them."""

    def __bool__(self) -> bool:
        return bool(self.keep or self.only)

    def check(self, tracks: object | None) -> None:
        """Refuse what contradicts itself.

        Args:
            tracks: the tracks file, if there is one.

        Raises:
            ConfigError: it makes no sense.
        """
        if self.keep and self.only:
            raise ConfigError("--keep says whom to leave clear, --only whom to hide: give one")
        if self and tracks is None:
            option = "--keep" if self.keep else "--only"
            raise ConfigError(
                f"{option} needs the numbers of a tracks file: name it with --tracks "
                "(`stream-anon tracks` makes one)"
            )


NOBODY = Clear()
