"""Evaluators that judge a trace without a model; one per file."""
