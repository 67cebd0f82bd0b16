"""Jobs, and the edits of their reviews."""

from __future__ import annotations

JOBS = """
CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    task TEXT NOT NULL,
    options TEXT NOT NULL,
    settings TEXT NOT NULL,
    made REAL NOT NULL,
    ended REAL,
    tries INTEGER NOT NULL DEFAULT 0,
    frames INTEGER NOT NULL DEFAULT 0,
    total INTEGER,
    error TEXT,
    outcome TEXT NOT NULL DEFAULT '{}'
);
CREATE TABLE edits (
    job TEXT PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    revision INTEGER NOT NULL,
    step INTEGER NOT NULL
);
CREATE TABLE edit_steps (
    job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    step INTEGER NOT NULL,
    edits TEXT NOT NULL,
    PRIMARY KEY (job, step)
);
"""
"""`name` is what its owner called the file, for showing only. `owner` is a login, or a token."""
