"""Engines of the join that work on an NVIDIA GPU."""
