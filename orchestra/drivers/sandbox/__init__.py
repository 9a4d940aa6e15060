"""Sandboxes: containers, and the machine itself."""
