"""Faces and their landmarks in a photo."""
