"""What the outputs of well-known families of detectors mean, one file each."""
