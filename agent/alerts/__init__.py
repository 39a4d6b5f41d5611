"""Decides: what of a change is told to whom, and in which words. Pure."""
