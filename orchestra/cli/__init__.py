"""The command line: error handling, and one module per group of commands."""
