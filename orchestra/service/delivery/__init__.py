"""The ways in which messages reach agents."""
