"""What senders speak (OTLP, hooks, transcripts) turned into model types and stored."""
