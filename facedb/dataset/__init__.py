"""What goes in: images, identities, models and embeddings, as rows."""
