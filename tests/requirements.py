"""What some tests need and not every machine has; missing what was promised is a failure."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from typing import TYPE_CHECKING, NoReturn

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

PROMISED = "STREAM_ANON_REQUIRE"
"""Environment variable: names, joined by commas, of what must not be missing."""


def require_m2fp() -> None:
    """Skip the test where PyTorch or ModelScope is missing; fail where they were promised."""
    missing = [name for name in ("torch", "modelscope") if find_spec(name) is None]
    if not missing:
        return
    told = f"{' and '.join(missing)} not installed: pip install 'stream-anon[m2fp]'"
    if "m2fp" in os.environ.get(PROMISED, "").split(","):
        pytest.fail(f"{PROMISED} promises m2fp, but {told}")
    pytest.skip(told)


def require_live(*programs: str, modules: Sequence[str] = ()) -> None:
    """Skip the test where a program or a package is missing; fail where `live` was promised."""
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"  # not everybody's has these
    missing = [name for name in programs if shutil.which(name, path=path) is None]
    missing += [name for name in modules if find_spec(name) is None]
    if missing:
        without_live(f"{' and '.join(missing)} not installed")


def without_live(why: str) -> NoReturn:
    """Skip the test; fail where `live` was promised."""
    told = f"{why}: scripts/setup --live-tests dev live"
    if "live" in os.environ.get(PROMISED, "").split(","):
        pytest.fail(f"{PROMISED} promises live, but {told}")
    pytest.skip(told)
