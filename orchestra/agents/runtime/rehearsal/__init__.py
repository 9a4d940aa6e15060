"""The rehearsal agent: a program that plays a story without a model."""
