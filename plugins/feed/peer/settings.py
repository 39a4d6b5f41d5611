"""The settings of the kind `openbell`."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from agent.api import Duration, SecretText, Settings


class PeerSettings(Settings):
    """`[machines.NAME]` with `kind = "openbell"`."""

    url: str
    """The other agent's address, as `https://desk.example`."""
    others: tuple[str, ...] = ()
    """Of a pair, the addresses of those that stand in for it: whoever has the desk is listened to."""
    token: SecretText | None = None
    """Its read token; an agent that answers on loopback only wants none."""
    after: Annotated[Duration, Field(ge=timedelta(seconds=1), le=timedelta(hours=1))] = timedelta(seconds=30)
    """How long it may be silent."""
    before_open: Annotated[Duration, Field(ge=timedelta(0), le=timedelta(hours=12))] = timedelta(minutes=15)
    """Silence counts from so long before the open: the pre-open, and the last look."""

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        return _address(url)

    @field_validator("others")
    @classmethod
    def _are_addresses(cls, others: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_address(url) for url in others)


def _address(url: str) -> str:
    """The address as it is asked. Raises `ValueError` for what is none."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected an address such as https://desk.example or http://10.0.0.5:8000")
    if parts.username is not None or parts.password is not None:
        raise ValueError("a password in the address is seen by everybody: give the agent's read token")
    if parts.query or parts.fragment:
        raise ValueError("expected the agent's own address, with nothing behind a ? or #")
    return url.rstrip("/")
