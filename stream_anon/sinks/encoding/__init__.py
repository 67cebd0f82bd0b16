"""From pictures to packets."""
