"""Other programs' configuration: where it lies, what stands in it for us, and how to edit it."""
