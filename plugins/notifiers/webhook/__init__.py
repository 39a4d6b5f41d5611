"""Tells a program by a signed POST."""
