"""Findings of a scan as rows: computed with it, put in words, weighed by verdicts, and read again."""
