"""Sinks in processes of their own."""
