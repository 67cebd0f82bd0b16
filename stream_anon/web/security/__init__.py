"""Who may do what: tokens, sessions, roles, and what every request has to get past."""
