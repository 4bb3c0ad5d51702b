"""The exact all-pairs threshold join: arrays in, arrays out."""
