"""Session files that coding agents leave on the disk, read into spans: one agent a file."""
