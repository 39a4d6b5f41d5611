"""The API described: imported when somebody asks for the description, and not before."""
