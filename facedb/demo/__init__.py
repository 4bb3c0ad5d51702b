"""A drawn dataset with planted mistakes, and the small model trained on such drawings."""
