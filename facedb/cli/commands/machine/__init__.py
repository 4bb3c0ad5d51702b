"""Commands about this machine and the database."""
