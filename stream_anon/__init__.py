"""stream_anon hides faces in video, on an ordinary CPU, and fails closed.

import stream_anon
stream_anon.redact("in.mp4", "out.mp4", scope="head")

Only what `__all__` names is public. Everything else, whatever its name, may change in any version.
"""

from __future__ import annotations

from typing import TYPE_CHECKING as _TYPE_CHECKING

# Before PyAV, which brings a libxcb of its own: loaded first, it makes OpenCV's window hang.
import cv2 as _cv2  # noqa: F401

from stream_anon.api import close_pictures, prepare_live, redact, redact_picture, start
from stream_anon.config import Settings, load_settings
from stream_anon.core.redacted import RedactedFrame
from stream_anon.errors import (
    CancelledError,
    CheckpointError,
    ConfigError,
    DiskFullError,
    ModelError,
    OutputExistsError,
    ParserError,
    ScopeError,
    SinkError,
    SourceError,
    StalledError,
    StreamAnonError,
)
from stream_anon.pipeline.figures.stats import Snapshot
from stream_anon.pipeline.job import Job
from stream_anon.pipeline.report import Summary
from stream_anon.sinks.tap import TapSink

if _TYPE_CHECKING:
    from stream_anon.pipeline.live.run import LiveRun

__version__ = "0.1.0"

__all__ = [
    "CancelledError",
    "CheckpointError",
    "ConfigError",
    "DiskFullError",
    "Job",
    "LiveRun",
    "ModelError",
    "OutputExistsError",
    "ParserError",
    "RedactedFrame",
    "ScopeError",
    "Settings",
    "SinkError",
    "Snapshot",
    "SourceError",
    "StalledError",
    "StreamAnonError",
    "Summary",
    "TapSink",
    "close_pictures",
    "load_settings",
    "prepare_live",
    "redact",
    "redact_picture",
    "start",
]


def __getattr__(name: str) -> object:
    """`LiveRun` is loaded when it is asked for: recordings need none of it."""
    if name == "LiveRun":
        from stream_anon.pipeline.live.run import LiveRun  # noqa: PLC0415

        return LiveRun
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
