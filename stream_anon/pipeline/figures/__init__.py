"""Figures of live runs: log lines, metrics, the service manager."""
