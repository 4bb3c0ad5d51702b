"""Ready-made vectors in NumPy's files."""
