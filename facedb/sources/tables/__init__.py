"""Tables and lists that name images or hold them."""
