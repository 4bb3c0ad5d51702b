"""The faces of a scan: the gallery out of the tables, which face of a photo takes part, and those outside of all folders."""
