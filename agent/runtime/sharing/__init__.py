"""Several agents and one PostgreSQL: who owns the desk, what is shipped there, what comes from there."""
