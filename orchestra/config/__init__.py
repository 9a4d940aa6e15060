"""Settings, layouts, and what needs the person's consent."""
