"""What happens to the sound of a stream."""
