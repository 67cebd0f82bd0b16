"""Measuring what a redacted video still shows."""
