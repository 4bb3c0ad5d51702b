"""The files that models consist of: what they are, where they come from, what they hold."""
