"""A session's work: its spec, its diff, review and merge."""
