"""Decides: from the statuses of the machines to one answer. Pure: no I/O, no waiting, no logging."""
