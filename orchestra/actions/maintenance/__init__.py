"""Checks, repairs and cleaning up."""
