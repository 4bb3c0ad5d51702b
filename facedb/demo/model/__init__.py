"""The small embedder of the demo, and how it was trained."""
