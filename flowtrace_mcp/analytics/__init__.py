"""Pure mathematics: sketches, score fusion, token counting. No input or output."""
