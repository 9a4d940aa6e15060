"""Sandboxes: containers and the host."""
