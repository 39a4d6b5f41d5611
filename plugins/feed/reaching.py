"""Looks whether a feed's host answers, without opening a feed: an API key may have three at most."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from urllib.parse import urlsplit

from agent.api import AgentError, Clock

PATIENCE_S = 5.0
_PORTS = {"wss": 443, "ws": 80}


class SilentHostError(AgentError):
    """No connection; the text says why."""


async def reach_host(url: str, clock: Clock) -> str:
    """A connection, with TLS where the address wants it, and no more; returns a line on it."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    context = ssl.create_default_context() if parts.scheme == "wss" else None
    try:
        async with clock.timeout(PATIENCE_S):
            _, writer = await asyncio.open_connection(host, port, ssl=context)
    except TimeoutError:
        raise SilentHostError(
            f"{host}:{port} did not answer in time; does a firewall let us through?"
        ) from None
    except OSError as error:  # an ssl.SSLError is one
        reason = getattr(error, "verify_message", "") or error.strerror or type(error).__name__
        raise SilentHostError(f"no connection to {host}:{port}: {reason}; is `url` right?") from None
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return f"{host}:{port} answers"
