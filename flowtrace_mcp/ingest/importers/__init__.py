"""Parsers of what other memory programs wrote: pure functions, one file a source."""
