"""Sources that never end."""
