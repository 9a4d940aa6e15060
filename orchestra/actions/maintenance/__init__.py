"""Checks, repairs, and giving back disk."""
