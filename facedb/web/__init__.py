"""The review page: looking at what a scan found, deciding it, and carrying it out, in a browser."""
