"""How fast this machine is; nothing imports it but the command line."""
