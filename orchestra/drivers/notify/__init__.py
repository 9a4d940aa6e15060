"""The ways to notify the person: their terminals, their desktop, and addresses of services."""
