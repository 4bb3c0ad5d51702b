"""The work of a scan as tiles that many workers share."""
