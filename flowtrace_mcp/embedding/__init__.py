"""Text to vectors: the embedder and its loaders."""
