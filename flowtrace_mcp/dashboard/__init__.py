"""Pages and static files for a person's browser."""
