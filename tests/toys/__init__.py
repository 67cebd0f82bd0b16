"""What a stranger adds: a detector, a method, a sink and a source, one file and one row each."""
