"""The shared store: what several agents keep together, in PostgreSQL. Loaded only where a URL is set."""
