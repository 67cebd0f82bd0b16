"""stream_anon hides faces in video, on an ordinary CPU, and fails closed.

import stream_anon
stream_anon.redact("in.mp4", "out.mp4", scope="head")

Only what `__all__` names is public. Everything else, whatever its name, may change in any version.
"""

from __future__ import annotations

# Before PyAV, which brings a libxcb of its own: loaded first, it makes OpenCV's window hang.
import cv2 as _cv2  # noqa: F401

from stream_anon.api import close_pictures, redact, redact_live, redact_picture, start
from stream_anon.config import Settings, load_settings
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
from stream_anon.pipeline.job import Job
from stream_anon.pipeline.report import Summary

__version__ = "0.1.0"

__all__ = [
    "CancelledError",
    "CheckpointError",
    "ConfigError",
    "DiskFullError",
    "Job",
    "ModelError",
    "OutputExistsError",
    "ParserError",
    "ScopeError",
    "Settings",
    "SinkError",
    "SourceError",
    "StalledError",
    "StreamAnonError",
    "Summary",
    "close_pictures",
    "load_settings",
    "redact",
    "redact_live",
    "redact_picture",
    "start",
]
