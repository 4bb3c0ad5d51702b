"""The machine below and the person in front: threads, temperature, who it is."""
