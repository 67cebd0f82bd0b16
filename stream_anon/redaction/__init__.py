"""Hiding parts of a frame."""
