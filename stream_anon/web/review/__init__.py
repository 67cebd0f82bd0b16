"""Reviews of redacted videos: edits with undo and redo, and pictures for who makes them."""
