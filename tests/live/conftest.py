"""What the live tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.live.clips import ServingClip, serving_clip

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where videos for test cameras are kept, so that each is made once."""
    return tmp_path_factory.mktemp("serving")


@pytest.fixture(scope="session")
def serving(clip_folder: Path) -> ServingClip:
    """What a test camera shows, 1280x720. Read-only."""
    return serving_clip(clip_folder)
