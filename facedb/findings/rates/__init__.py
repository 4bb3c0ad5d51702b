"""Score distributions, and the error rates that they give: arrays in, arrays out."""
