"""Who and what is in a frame."""
