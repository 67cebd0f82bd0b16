"""Child processes: where input and output may hang without freezing the program."""
