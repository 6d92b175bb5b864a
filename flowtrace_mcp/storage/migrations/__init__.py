"""Numbered steps that bring an older file to the present schema."""
