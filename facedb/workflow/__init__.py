"""What users do, one module per activity; the only place where sources, embedding, search and db meet."""
