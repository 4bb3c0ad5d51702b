"""What an operator does with a database: its health, copies of it, roles, and wiping what was deleted."""
