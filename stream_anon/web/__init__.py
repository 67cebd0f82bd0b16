"""The control room: a page and an HTTP API over the library's jobs, runs and photo call."""
