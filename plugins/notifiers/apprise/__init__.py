"""Tells people through one of the many services that the library `apprise` speaks."""
