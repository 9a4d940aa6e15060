"""The per-project background process: MCP, hooks, watching, delivery."""
