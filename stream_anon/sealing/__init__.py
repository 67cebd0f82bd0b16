"""What was hidden, kept encrypted beside the output, and put back for those who hold the key."""
