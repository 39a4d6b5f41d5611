"""Tells people by e-mail."""
