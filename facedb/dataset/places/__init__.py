"""Where a dataset came from, and how it was read."""
