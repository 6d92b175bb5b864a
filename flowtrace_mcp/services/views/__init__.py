"""What `traces` shows: one view a file, rows in order of worth."""
