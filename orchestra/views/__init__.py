"""Turn model values into what the terminal shows."""
