"""One module for each family of agents."""
