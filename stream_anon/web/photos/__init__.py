"""Photos that are sent: decoded and redacted in a process of their own."""
