"""Cameras: a process each, one detector service for all, and the newest picture for who watches."""
