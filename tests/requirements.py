"""What some tests need and not every machine has; missing what was promised is a failure."""

from __future__ import annotations

import os
from importlib.util import find_spec

import pytest

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
