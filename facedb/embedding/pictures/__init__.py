"""From the bytes of a photo to the picture that a model is shown."""
