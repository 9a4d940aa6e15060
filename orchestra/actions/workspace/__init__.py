"""Open a project in tmux, and its windows."""
