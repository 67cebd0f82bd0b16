"""Detectors whose weights are fetched, for tests that need the real ones; skipped without them.

The tests' own folder for models is empty; these look into the user's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stream_anon.config import load_settings
from stream_anon.detectors.base import Detector, Loading
from stream_anon.detectors.folders import models_dir
from stream_anon.detectors.registry import BUILT_IN
from tests.stubs import make_info

if TYPE_CHECKING:
    from collections.abc import Callable

USERS = models_dir()
"""As it was before any test began."""


def use_fetched(patch: pytest.MonkeyPatch, name: str) -> None:
    """Use the user's weights of a detector while `patch` holds; skip the test without them."""
    patch.setenv("XDG_DATA_HOME", str(USERS.parents[1]))
    if not BUILT_IN[name].is_installed():
        pytest.skip(f"its weights are not installed: stream-anon models fetch {name}")


def fetched(name: str, width: int = 512, height: int = 512) -> Callable[[], Detector]:
    """Loads a detector, for frames of this size."""

    def make() -> Detector:
        with pytest.MonkeyPatch.context() as patch:
            use_fetched(patch, name)
            settings = load_settings(None, {"parsing.threads": 1})
            return BUILT_IN[name].load(Loading(settings, make_info(width, height)))

    return make
