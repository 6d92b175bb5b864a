"""Frozen types, identifiers and the 128-byte edge: values that every layer shares."""
