"""Where redacted frames go."""
