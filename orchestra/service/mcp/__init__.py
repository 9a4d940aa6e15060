"""The MCP servers and their tools."""
