"""The pages: their language, their words and their files."""
