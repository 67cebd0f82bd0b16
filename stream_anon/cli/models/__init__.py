"""`stream-anon models`: lists the networks, and gets those that are not bundled."""
