"""Names as evidence: which labels can be one name, and what that says of a merge."""
