"""Watch the sessions in the background."""
