"""Tables, as steps that are only ever added to. Each owner keeps theirs in a file of their own."""

from __future__ import annotations

from stream_anon.web.store.camera_tables import CAMERAS
from stream_anon.web.store.core_tables import CORE
from stream_anon.web.store.jobs_tables import JOBS

STEPS: tuple[str, ...] = (CORE, JOBS, CAMERAS)
"""SQL scripts; the database's `user_version` is the number of those that it has been through."""
