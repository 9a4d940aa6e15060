"""Tmux: one server, its windows, keys and panes."""
