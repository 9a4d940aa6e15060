"""Settings, layouts, and what a project may not decide by itself."""
