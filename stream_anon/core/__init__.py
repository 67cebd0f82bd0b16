"""Shared foundations: pictures, parts, files, queues."""
