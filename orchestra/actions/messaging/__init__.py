"""Messages, and what the agents' hooks tell."""
