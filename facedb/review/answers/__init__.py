"""Answers to findings: what they say in verdicts, one by one or out of a file."""
