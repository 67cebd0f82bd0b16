"""Live video from real servers that can be killed, frozen, cut off and made to talk nonsense."""
