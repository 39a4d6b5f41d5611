"""Posts to receivers over HTTP, distrusting what is at the other end."""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from agent.api import Clock, ConfigError, DeliveryError
from plugins.notifiers.addresses import may_reach
from plugins.notifiers.reaching import reach_host

ANSWER_LIMIT = 64 * 1024
CONNECT_S = 5.0
TOTAL_S = 60.0
"""The end of a post that nobody else bounds; the agent's own limit for a notifier comes first."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A receiver's answer; of its body at most `ANSWER_LIMIT` bytes.

    `is_whole` tells that the body ended within the limit and as its headers promised.
    """

    status: int
    retry_after: str | None
    body: bytes
    is_whole: bool


class ForbiddenAddressError(OSError):
    """A connection to an address that this notifier may not reach."""


class Outbound:
    """The way out for one notifier: its trust, and the addresses it may reach.

    Each opened session is its own and ends with the block: a notice is rare, and a connection
    kept from the last one is likely to be dead when the next alarm comes.
    """

    def __init__(self, clock: Clock, *, allow_private: bool, ca_file: Path | None) -> None:
        self._clock = clock
        self._allow_private = allow_private
        self._tls = trust(ca_file)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[aiohttp.ClientSession]:
        connector = aiohttp.TCPConnector(
            socket_factory=self._socket, ssl=self._tls if self._tls is not None else True
        )
        async with aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S),
            trust_env=False,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "openbell", "Accept-Encoding": "identity"},
        ) as session:
            yield session

    async def post(
        self,
        session: aiohttp.ClientSession,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        patience_s: float = TOTAL_S,
    ) -> Answer:
        """Post, and read the answer's body for at most `patience_s` after its head.

        Raises `DeliveryError`, without the cause: the texts of the client's errors may show the
        whole address, which for many receivers is the permission to post.
        """
        try:
            async with (
                self._clock.timeout(TOTAL_S),
                session.post(url, data=body, headers=headers, allow_redirects=False) as response,
            ):
                text, is_whole = await self._read(response, patience_s)
                return Answer(response.status, response.headers.get("Retry-After"), text, is_whole)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise DeliveryError(_trouble(error)) from None

    async def _read(self, response: aiohttp.ClientResponse, patience_s: float) -> tuple[bytes, bool]:
        """What came of the body, and whether that was all. Closes the connection if it was not."""
        text = bytearray()
        try:
            async with self._clock.timeout(patience_s):
                async for piece in response.content.iter_any():
                    text += piece
                    if len(text) > ANSWER_LIMIT:
                        break
                else:
                    return bytes(text), True
        except (aiohttp.ClientError, TimeoutError, OSError):
            pass
        response.close()
        return bytes(text[:ANSWER_LIMIT]), False

    async def reach(self, url: str) -> str:
        """A connection to the host and no more; returns a line. Raises `DeliveryError`."""
        return await reach_host(url, allow_private=self._allow_private, tls=self._tls, clock=self._clock)

    def _socket(self, address: aiohttp.AddrInfoType) -> socket.socket:
        """A socket for an address just looked up, unless it is forbidden.

        Here, and not when the name is looked up: an address written as a number is not looked
        up at all, and a name may lead elsewhere the next time.
        """
        family, kind, protocol, _, place = address
        if not may_reach(str(place[0]), allow_private=self._allow_private):
            raise ForbiddenAddressError("this address may not be reached")
        return socket.socket(family=family, type=kind, proto=protocol)


def trust(ca_file: Path | None) -> ssl.SSLContext | None:
    """The TLS context that trusts this file's authorities alone; `None` stands for the system's."""
    if ca_file is None:
        return None
    try:
        return ssl.create_default_context(cafile=str(ca_file))
    except OSError as error:  # an ssl.SSLError is one
        reason = error.strerror or type(error).__name__
        raise ConfigError(f"ca_file = {str(ca_file)!r}: {reason}; expected a readable PEM file") from None


def _trouble(error: Exception) -> str:
    """What went wrong in words of ours; of the address it shows the host at most."""
    words = next(words for kind, words in _TROUBLES if isinstance(error, kind))
    return words.format(
        host=getattr(error, "host", "the receiver"), fault=_fault(error), name=type(error).__name__
    )


def _fault(error: Exception) -> str:
    """The innermost reason that the client names."""
    certificate = getattr(error, "certificate_error", None)
    if certificate is not None:
        return getattr(certificate, "verify_message", "") or type(certificate).__name__
    cause = getattr(error, "os_error", error)
    if isinstance(cause, ForbiddenAddressError):
        return "it is at a loopback, private or link-local address (see allow_private)"
    return getattr(cause, "strerror", None) or type(cause).__name__


_TROUBLES: tuple[tuple[type[Exception], str], ...] = (
    (TimeoutError, "the receiver did not answer in time"),
    (aiohttp.InvalidURL, "the configured address cannot be used"),
    (aiohttp.ClientConnectorDNSError, "the name {host} cannot be looked up"),
    (aiohttp.ClientConnectorCertificateError, "the TLS certificate of {host} is not trusted: {fault}"),
    (aiohttp.ClientSSLError, "no TLS connection with {host}"),
    (aiohttp.ClientConnectorError, "no connection to {host}: {fault}"),
    (Exception, "the connection broke before an answer came ({name})"),
)
"""From the particular to the general."""
