"""Pictures as small grey arrays: whether two of them are one photo, altered."""
