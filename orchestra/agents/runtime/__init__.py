"""Programs that run beside the agent or as the agent; copied into its box, they use only the standard library."""
