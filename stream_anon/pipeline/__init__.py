"""Runs: engines, threads, records."""
