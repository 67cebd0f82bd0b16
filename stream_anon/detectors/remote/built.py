"""Networks that lie in no file, by the name that a client asks for them with."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from stream_anon.detectors.persons.detector import built

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stream_anon.detectors.runtime import Built

BUILT: Mapping[str, Callable[[], Built]] = {
    name: partial(built, name.rpartition("/")[2]) for name in ("persons/nanodet", "persons/selfie")
}
"""`Built.name` of each."""
