"""Files that hold many images: tar shards and MXNet records."""
