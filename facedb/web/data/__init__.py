"""What the page reads and writes in the database: one module for each subject, rows as frozen dataclasses."""
