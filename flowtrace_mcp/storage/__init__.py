"""The one SQLite file. The only place that speaks SQL; one file per table."""
