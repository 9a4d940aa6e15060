"""What runs beside Gemini CLI in its sandbox."""
