"""Looks whether a receiver's host answers, without sending it anything."""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import suppress
from urllib.parse import urlsplit

from agent.api import Clock, DeliveryError
from plugins.notifiers.addresses import may_reach

PATIENCE_S = 5.0
_PORTS = {"https": 443, "http": 80}


async def reach_host(url: str, *, allow_private: bool, tls: ssl.SSLContext | None, clock: Clock) -> str:
    """A connection, with TLS where the address wants it, and no more; returns a line on it.

    Raises `DeliveryError`; of the address it shows the host at most.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    where = f"{host}:{port}"
    context = (tls or ssl.create_default_context()) if parts.scheme == "https" else None
    try:
        async with clock.timeout(PATIENCE_S):
            address = await _address(host, port, allow_private=allow_private)
            _, writer = await asyncio.open_connection(
                address, port, ssl=context, server_hostname=host if context is not None else None
            )
    except TimeoutError:
        raise DeliveryError(f"{where} did not answer in time; is it the right host and port?") from None
    except (OSError, ValueError) as error:  # an ssl.SSLError is an OSError
        raise DeliveryError(f"{where}: {_fault(error)}") from None
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return f"{where} answers"


async def _address(host: str, port: int, *, allow_private: bool) -> str:
    """The first address of a host that may be reached."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for *_, place in found:
        if may_reach(str(place[0]), allow_private=allow_private):
            return str(place[0])
    raise DeliveryError(
        f"{host} is at a loopback, private or link-local address; allow_private = true lets it be reached"
    )


def _fault(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return "the name cannot be looked up; check its spelling"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message}); `ca_file` names other authorities"
    if isinstance(error, ssl.SSLError):
        return "it speaks no TLS that we know; is it the right port?"
    reason = getattr(error, "strerror", None) or type(error).__name__
    return f"no connection ({reason}); does it run, and does a firewall let us through?"
