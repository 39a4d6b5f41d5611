"""What can go wrong at the other end of a connection, and an address where it does."""

from __future__ import annotations

import json
import ssl
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path

from aiohttp import web

from agent.clock import SystemClock
from agent.testing.server import Answer, Exchange, serving

NOWHERE = "https://nowhere.invalid"
"""An address whose name cannot be looked up; RFC 6761 sees to that."""

RETRY_AFTER_S = 7


class Trouble(StrEnum):
    """What a plugin has to tell apart."""

    UNAUTHORIZED = "401"
    FORBIDDEN = "403"
    RATE_LIMITED = "429"
    SERVER_ERROR = "5xx"
    TIMEOUT = "timeout"
    DNS = "dns"
    TLS = "tls"

    @property
    def status(self) -> int | None:
        """The HTTP status of it; `None` where no answer comes."""
        return _STATUSES.get(self)


_STATUSES = {
    Trouble.UNAUTHORIZED: 401,
    Trouble.FORBIDDEN: 403,
    Trouble.RATE_LIMITED: 429,
    Trouble.SERVER_ERROR: 503,
}

Words = Callable[[Trouble], Mapping[str, object]]
"""The JSON body of a refusal, as this broker words it."""


@asynccontextmanager
async def trouble_at(trouble: Trouble, words: Words, *, patience_s: float) -> AsyncIterator[Exchange]:
    """A server in trouble. An answer that never comes is given up on after twice the patience.

    Every answer repeats what it was asked, secrets and all, as some error pages do.
    """
    if trouble is Trouble.DNS:
        yield Exchange(NOWHERE)
        return
    tls = _untrusted() if trouble is Trouble.TLS else None
    async with serving(_conduct(trouble, words, 2 * patience_s), tls=tls) as exchange:
        yield exchange


def _conduct(trouble: Trouble, words: Words, longest_s: float) -> Answer:
    async def hang(request: web.Request) -> web.StreamResponse:
        await SystemClock().sleep(longest_s)
        raise ConnectionResetError

    async def refuse(request: web.Request) -> web.StreamResponse:
        asked = {"path": request.path_qs, "headers": dict(request.headers), "body": await request.text()}
        body = json.dumps({**words(trouble), "asked": asked})
        headers = {"Retry-After": str(RETRY_AFTER_S)} if trouble is Trouble.RATE_LIMITED else {}
        return web.Response(
            status=trouble.status or 200, text=body, content_type="application/json", headers=headers
        )

    return hang if trouble is Trouble.TIMEOUT else refuse


def refusing(bad: str, answer: Answer, words: Words) -> Answer:
    """The answer, but a 401 to whoever comes with a bad credential."""
    refuse = _conduct(Trouble.UNAUTHORIZED, words, 0)

    async def judge(request: web.Request) -> web.StreamResponse:
        asked = [request.path_qs, *request.headers.values(), await request.text()]
        return await (refuse if any(bad in text for text in asked) else answer)(request)

    return judge


@cache
def _untrusted() -> ssl.SSLContext:
    """A server's side of TLS, with a certificate that nobody vouches for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "server.pem"
        file.write_bytes(_certificate())
        context.load_cert_chain(file)
    return context


def _certificate() -> bytes:
    """A key, and a certificate that it signed itself. The client of the broker brings the library."""
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "nobody vouches for this")])
    now = SystemClock().now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return secret + certificate.public_bytes(pem)


def words_of_none(trouble: Trouble) -> Mapping[str, object]:
    """A refusal in no broker's words."""
    return {"error": trouble.value}
