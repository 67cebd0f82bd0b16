"""What the control room remembers: a folder of the user's alone with one SQLite database."""
