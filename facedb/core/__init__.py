"""What every other part may use: records, errors, settings."""
