"""What runs beside opencode in its sandbox."""
