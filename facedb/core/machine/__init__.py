"""The machine and its user: memory, disk, threads, temperature, the login name."""
