"""The page to send."""
