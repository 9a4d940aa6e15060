"""Drivers for outside programs: git, Docker, tmux, processes."""
