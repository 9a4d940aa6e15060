"""What runs beside Claude Code in its sandbox."""
