"""Two scans compared."""
