"""Messages, and events from agents' hooks."""
