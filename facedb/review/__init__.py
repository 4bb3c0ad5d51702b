"""What people decided, and carrying it out on files and labels."""
