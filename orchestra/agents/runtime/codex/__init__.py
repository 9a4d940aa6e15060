"""What runs beside Codex in its sandbox."""
