"""The MCP tools, one per file, and the server that joins them."""
