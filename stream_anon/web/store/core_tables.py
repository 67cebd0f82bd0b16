"""Tokens, sessions, the audit log, and settings that were changed while it ran."""

from __future__ import annotations

CORE = """
CREATE TABLE tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('viewer', 'operator')),
    kind TEXT NOT NULL CHECK (kind IN ('person', 'given', 'link')),
    hash TEXT NOT NULL,
    parent INTEGER REFERENCES tokens (id) ON DELETE CASCADE,
    made REAL NOT NULL,
    ends REAL
);
CREATE UNIQUE INDEX one_token_a_name ON tokens (name) WHERE kind <> 'link';
CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    token INTEGER NOT NULL REFERENCES tokens (id) ON DELETE CASCADE,
    began REAL NOT NULL,
    ends REAL NOT NULL
);
CREATE TABLE audit_log (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    time REAL NOT NULL,
    who TEXT NOT NULL,
    role TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    details TEXT NOT NULL
);
CREATE TABLE kept_settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    based_on TEXT NOT NULL
);
"""
"""Tokens and the cookies of sessions are there as hashes only. A `link` is the single use of its
`parent`; a `given` token came with the command line and goes with the run."""
