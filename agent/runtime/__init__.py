"""Acts: runs the line from the probe to the published document."""
