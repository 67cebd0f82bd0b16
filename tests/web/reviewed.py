"""Every route and the role that it asks for. Add one only after a look at what it gives away."""

from __future__ import annotations

ROUTES = {
    # core
    "GET /health": "nobody",
    "GET /login": "nobody",
    "POST /login": "nobody",
    "POST /logout": "viewer",
    "GET /api/v1/session": "viewer",
    "POST /predict": "viewer",
    "POST /api/v1/predict": "viewer",
    "POST /config": "operator",
    "GET /api/v1/config": "viewer",
    "PATCH /api/v1/config": "operator",
    "GET /metrics": "viewer",
    "GET /api/v1/openapi.json": "viewer",
    "GET /api/v1/audit-log": "operator",
    # cameras
    "GET /api/v1/cameras": "viewer",
    "GET /api/v1/cameras/events": "viewer",
    "GET /api/v1/cameras/{camera_id}": "viewer",
    "GET /api/v1/cameras/{camera_id}/stream": "viewer",
    "GET /api/v1/cameras/{camera_id}/still": "viewer",
    "GET /api/v1/cameras/{camera_id}/history": "viewer",
    "POST /api/v1/cameras": "operator",
    "PATCH /api/v1/cameras/{camera_id}": "operator",
    "DELETE /api/v1/cameras/{camera_id}": "operator",
    "PUT /api/v1/cameras/{camera_id}/zones": "operator",
    "POST /api/v1/cameras/{camera_id}/anonymization": "operator",
    "POST /api/v1/cameras/{camera_id}/{action}": "operator",
    # jobs and review
    "POST /api/v1/jobs": "viewer",
    "GET /api/v1/jobs": "viewer",
    "GET /api/v1/jobs/{job}": "viewer",
    "GET /api/v1/jobs/{job}/events": "viewer",
    "POST /api/v1/jobs/{job}/cancel": "viewer",
    "DELETE /api/v1/jobs/{job}": "viewer",
    "GET /api/v1/jobs/{job}/result": "viewer",
    "GET /api/v1/jobs/{job}/report": "viewer",
    "GET /api/v1/jobs/{job}/audit": "viewer",
    "GET /api/v1/jobs/{job}/original": "operator",
    "GET /api/v1/jobs/{job}/tracks": "viewer",
    "PUT /api/v1/jobs/{job}/tracks": "operator",
    "GET /api/v1/reviews/{job}": "operator",
    "GET /api/v1/reviews/{job}/frames/{n}": "operator",
    "GET /api/v1/reviews/{job}/thumbs/{track}": "operator",
    "GET /api/v1/reviews/{job}/boxes": "operator",
    "GET /api/v1/reviews/{job}/edits": "operator",
    "PUT /api/v1/reviews/{job}/edits": "operator",
    "POST /api/v1/reviews/{job}/undo": "operator",
    "POST /api/v1/reviews/{job}/redo": "operator",
    "POST /api/v1/reviews/{job}/render": "operator",
    # pages: their templates and words, no data
    "GET /": "viewer",
    "GET /files": "viewer",
    "GET /review/{job}": "operator",
    "GET /log": "operator",
    "GET /help": "viewer",
    "GET /favicon.ico": "nobody",
}
"""`nobody`: no login is needed. `viewer` and `operator` as in `web.security.who`."""
MOUNTS: set[str] = {"/static"}
"""Paths below which files are served: those of the package, without a login."""
