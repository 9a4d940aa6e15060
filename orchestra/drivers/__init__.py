"""The outside: git, Docker, tmux, processes."""
