"""From image bytes to unit vectors: decode, detect, align, embed."""
