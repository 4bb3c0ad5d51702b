"""What the pairs and the folders say: arrays in, arrays out."""
