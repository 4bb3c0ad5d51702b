"""Files and their names: what they hold, how they are called, written whole or not at all."""
