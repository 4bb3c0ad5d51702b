"""Faces that the demo draws."""
