"""Running for a month: what happens is counted, shown, served and told to the system."""
