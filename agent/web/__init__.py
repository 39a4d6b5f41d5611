"""Acts: serves what has been published; reads ready values only and never probes."""
