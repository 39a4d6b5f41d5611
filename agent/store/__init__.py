"""Acts: keeps what has happened on disk."""
