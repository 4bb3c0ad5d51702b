"""Who a folder is: the core of its faces, the faces aside of it, which face of a photo takes part."""
