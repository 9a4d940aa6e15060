"""The delivery of messages to agents."""
