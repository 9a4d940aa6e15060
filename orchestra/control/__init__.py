"""The control pane: keys in, views out."""
