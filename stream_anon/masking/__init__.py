"""Masking: which parts of each frame to hide."""
