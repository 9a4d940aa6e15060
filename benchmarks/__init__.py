"""What docs/performance.md quotes: Orchestra beside the raw commands, in turn, as ratios."""
