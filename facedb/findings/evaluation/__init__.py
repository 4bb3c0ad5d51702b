"""Evaluation: mistakes that are known or planted, and how well findings meet them."""
