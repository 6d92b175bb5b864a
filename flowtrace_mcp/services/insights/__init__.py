"""Finders of insights, one kind a file; `find_insights` runs them all."""
