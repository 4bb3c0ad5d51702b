"""What goes in: where files are, how they are remembered, and which of them are one."""
