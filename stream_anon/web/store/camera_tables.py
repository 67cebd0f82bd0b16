"""Cameras. A source has its credentials: the database lies in a folder of the user's alone."""

from __future__ import annotations

CAMERAS = """
CREATE TABLE cameras (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    source TEXT NOT NULL,
    settings TEXT NOT NULL,
    on_ INTEGER NOT NULL
);
"""
