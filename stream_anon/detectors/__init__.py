"""Detectors: networks that find people and their parts in a frame."""
