"""A multi-agent development environment inside tmux."""

__version__ = "0.1.0"
