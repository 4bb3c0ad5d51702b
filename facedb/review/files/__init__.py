"""Plans carried out on files, and undone."""
