"""Where files and labels come from: one module per format, all yielding the same records."""
