"""Which parts of which frame to hide."""
