"""Outputs of live runs."""
