"""Read the changes of one session in a whole window."""
