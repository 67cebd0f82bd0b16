"""Uploaded photos and videos: each is redacted in a process of its own, and then forgotten."""
