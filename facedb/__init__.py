"""facedb finds the mistakes in a face dataset and keeps the answer in PostgreSQL."""

__version__ = "0.1.0"
