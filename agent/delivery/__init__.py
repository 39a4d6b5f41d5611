"""Acts: hands notices to their receivers, off the main line."""
