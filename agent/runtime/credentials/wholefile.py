"""Reads and writes a file that holds one secret and nothing else."""

from __future__ import annotations

from agent.config.credential_text import FormatError, checked, decoded


def read(content: bytes) -> str | None:
    """The one line there is, without blanks around it; `None` if empty. Raises `FormatError`."""
    text = decoded(content).strip()
    if "\n" in text:
        raise FormatError("one line was expected, and several were found")
    return checked(text)


def write(_content: bytes, value: str) -> bytes:
    """The new content."""
    return f"{value}\n".encode()
