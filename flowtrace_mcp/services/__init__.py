"""One use case per file; the only way from the edges of the program to its data."""
