"""What a redacted video still shows."""
