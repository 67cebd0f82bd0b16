"""stream_anon hides faces in video, on an ordinary CPU, and fails closed.

import stream_anon
stream_anon.redact("in.mp4", "out.mp4", scope="head")

Only what `__all__` names is public. Everything else, whatever its name, may change in any version.
"""

from __future__ import annotations

from importlib import import_module as _import_module
from typing import TYPE_CHECKING as _TYPE_CHECKING

from stream_anon.core import dependencies as _dependencies
from stream_anon.errors import (
    CancelledError,
    CheckpointError,
    ConfigError,
    CustodyError,
    DependencyError,
    DiskFullError,
    ModelError,
    OutputExistsError,
    ParserError,
    ScopeError,
    SealError,
    SinkError,
    SourceError,
    StalledError,
    StreamAnonError,
)

if _TYPE_CHECKING:
    from stream_anon.api.live import prepare_live
    from stream_anon.api.pictures import close_pictures, redact_picture
    from stream_anon.api.recordings import redact, start
    from stream_anon.api.sealed import sealed_tracks, unseal
    from stream_anon.audit.findings import Findings
    from stream_anon.config import Settings, load_settings
    from stream_anon.core.redacted import RedactedFrame
    from stream_anon.pipeline.auditing import AuditFiles, audit_file
    from stream_anon.pipeline.figures.stats import Snapshot
    from stream_anon.pipeline.job import Job
    from stream_anon.pipeline.live.run import LiveRun
    from stream_anon.pipeline.report import Summary
    from stream_anon.pipeline.unsealing import SealedTrack, Unsealed
    from stream_anon.pipeline.verifying import verify_record
    from stream_anon.sinks.tap import TapSink

# Before PyAV, which brings a libxcb of its own: loaded first, it makes OpenCV's window hang.
_dependencies.preload()

__version__ = "0.1.0"

__all__ = [
    "AuditFiles",
    "CancelledError",
    "CheckpointError",
    "ConfigError",
    "CustodyError",
    "DependencyError",
    "DiskFullError",
    "Findings",
    "Job",
    "LiveRun",
    "ModelError",
    "OutputExistsError",
    "ParserError",
    "RedactedFrame",
    "ScopeError",
    "SealError",
    "SealedTrack",
    "Settings",
    "SinkError",
    "Snapshot",
    "SourceError",
    "StalledError",
    "StreamAnonError",
    "Summary",
    "TapSink",
    "Unsealed",
    "audit_file",
    "close_pictures",
    "load_settings",
    "prepare_live",
    "redact",
    "redact_picture",
    "sealed_tracks",
    "start",
    "unseal",
    "verify_record",
]


_LATE = {
    "AuditFiles": "pipeline.auditing",
    "Findings": "audit.findings",
    "Job": "pipeline.job",
    "LiveRun": "pipeline.live.run",
    "RedactedFrame": "core.redacted",
    "SealedTrack": "pipeline.unsealing",
    "Settings": "config",
    "Snapshot": "pipeline.figures.stats",
    "Summary": "pipeline.report",
    "TapSink": "sinks.tap",
    "Unsealed": "pipeline.unsealing",
    "audit_file": "pipeline.auditing",
    "close_pictures": "api.pictures",
    "load_settings": "config",
    "prepare_live": "api.live",
    "redact": "api.recordings",
    "redact_picture": "api.pictures",
    "sealed_tracks": "api.sealed",
    "start": "api.recordings",
    "unseal": "api.sealed",
    "verify_record": "pipeline.verifying",
}
"""Modules by what is public of them. They are loaded when it is asked for: `--version` works where
a library is broken, and recordings load nothing of live runs."""


def __getattr__(name: str) -> object:
    """Load what is asked for the first time.

    Raises:
        DependencyError: a library that it needs cannot be loaded.
    """
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    _dependencies.check()
    value: object = getattr(_import_module(f"{__name__}.{_LATE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
