"""Live runs."""
