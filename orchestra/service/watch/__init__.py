"""What is looked at while nobody asks."""
