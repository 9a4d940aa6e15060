"""Bringing a project up in tmux, and its windows."""
