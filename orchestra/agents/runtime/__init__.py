"""Programs that run beside, or as, the agent: they are copied into its box and use Python's standard library alone."""
