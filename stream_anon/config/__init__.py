"""Every setting, its range and its default; `configs/default.toml` says the same with reasons."""

from stream_anon.config.loading import known_keys, load_settings
from stream_anon.config.sections import (
    Background,
    Keyframes,
    Live,
    Output,
    Parsing,
    Pipeline,
    Redaction,
    Rule,
    Settings,
    Zone,
)

__all__ = [
    "Background",
    "Keyframes",
    "Live",
    "Output",
    "Parsing",
    "Pipeline",
    "Redaction",
    "Rule",
    "Settings",
    "Zone",
    "known_keys",
    "load_settings",
]
