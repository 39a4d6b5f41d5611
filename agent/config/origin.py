"""An origin as a browser sends it: scheme, host and port of a page, letter by letter."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator

DEFAULT_PORTS = {"http": 80, "https": 443}


def as_origin(text: str) -> str:
    """The text, if a browser might send it. Raises `ValueError` with what to write instead."""
    parts = urlsplit(text)
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname or "*" in text:
        raise ValueError('expected an origin such as "https://desk.example", with its port if it has one')
    if not text.isascii():
        raise ValueError("a browser sends this name in its xn-- form: write that")
    origin = f"{parts.scheme}://{_host(parts)}{_port(parts)}"
    if text != origin:
        raise ValueError(f'an origin has no path and is compared letter by letter: write "{origin}"')
    return text


def _host(parts: SplitResult) -> str:
    name = parts.hostname or ""
    return f"[{name}]" if ":" in name else name


def _port(parts: SplitResult) -> str:
    try:
        port = parts.port
    except ValueError:
        raise ValueError("the port is a number from 1 to 65535") from None
    return "" if port in (None, DEFAULT_PORTS[parts.scheme]) else f":{port}"


Origin = Annotated[str, AfterValidator(as_origin)]
