"""Odds: how likely one person, and how likely chance, makes a score between two sets of faces in this gallery."""
