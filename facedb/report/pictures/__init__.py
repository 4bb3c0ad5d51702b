"""Pictures for people: faces, photos, charts."""
