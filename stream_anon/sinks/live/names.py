"""Names of recordings: a pattern with the date in it, and which files are of that pattern."""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING

from stream_anon.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_DIGITS = {"Y": 4, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2, "y": 2, "j": 3}
"""How many digits each field of a date has; see `time.strftime`."""
_FIELD = re.compile(r"%(.?)", re.DOTALL)


class Names:
    """The names that recordings of one pattern have, in one folder.

    `cam-%H%M.mkv` gives `cam-0930.mkv`, and `cam-0930-2.mkv` where that one is taken.
    """

    def __init__(self, pattern: Path) -> None:
        """Args: pattern: fields of a date may stand in its last part.

        Raises:
            ConfigError: a field that is not made of digits.
        """
        self.folder = pattern.parent
        self._stem, self._ending = pattern.stem, pattern.suffix
        fields = _FIELD.findall(self._stem)
        wrong = next((f"%{name}" for name in fields if name not in {*_DIGITS, "%"}), None)
        if wrong:
            known = " ".join(f"%{name}" for name in _DIGITS)
            raise ConfigError(
                f"{pattern.name} contains {wrong}: the date fields are {known}, and %% is a %"
            )
        self.dated = {"Y", "m", "d"} <= set(fields)
        """The whole date is part of the name."""
        steps = _FIELD.split(self._stem)
        expression = "".join(
            _expression(step) if place % 2 else re.escape(step) for place, step in enumerate(steps)
        )
        self._own = re.compile(rf"{expression}(-[1-9][0-9]*)?{re.escape(self._ending)}")

    def claim(self, now: float) -> Path:
        """Create an empty file that is ours alone.

        Args:
            now: seconds since 1970.

        Raises:
            OSError: it cannot be created.
        """
        stem = time.strftime(self._stem, time.localtime(now)) if "%" in self._stem else self._stem
        number = 1
        while True:
            more = f"-{number}" if number > 1 else ""
            path = self.folder / f"{stem}{more}{self._ending}"
            try:
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
            except FileExistsError:
                number += 1
            else:
                return path

    def older(self, than: float) -> Iterator[Path]:
        """Plain files of this pattern that were last written before a time, seconds since 1970.

        Raises:
            OSError: the folder cannot be read.
        """
        with os.scandir(self.folder) as entries:
            for entry in entries:
                if not self._own.fullmatch(entry.name) or not entry.is_file(follow_symlinks=False):
                    continue
                if entry.stat(follow_symlinks=False).st_mtime < than:
                    yield self.folder / entry.name


def _expression(field: str) -> str:
    return "%" if field == "%" else f"[0-9]{{{_DIGITS[field]}}}"
