"""The command line: the error edge and one small file per group of commands."""
