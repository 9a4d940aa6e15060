"""Model values turned into what the terminal shows."""
