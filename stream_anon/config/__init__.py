"""Every setting, its range and its default; `configs/default.toml` says the same with reasons."""

from stream_anon.config.explaining import known_keys
from stream_anon.config.loading import load_settings
from stream_anon.config.sections import (
    Background,
    Keyframes,
    Live,
    Output,
    OwnDetector,
    Parsing,
    Pipeline,
    Redaction,
    Rule,
    Settings,
    Zone,
)
from stream_anon.config.web import Web

__all__ = [
    "Background",
    "Keyframes",
    "Live",
    "Output",
    "OwnDetector",
    "Parsing",
    "Pipeline",
    "Redaction",
    "Rule",
    "Settings",
    "Web",
    "Zone",
    "known_keys",
    "load_settings",
]
