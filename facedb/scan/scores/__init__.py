"""Score distributions of a scan, and thresholds chosen from them."""
