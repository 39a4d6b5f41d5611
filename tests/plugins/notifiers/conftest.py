"""Notices, certificates, and receivers on real sockets that behave as a test wants."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.api import (
    Action,
    Incident,
    Notice,
    NoticeReason,
    NoticeType,
    NotifierContext,
    Severity,
)
from agent.testing import ManualClock, notifier_context

SINCE = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
FIRST_ID = "0f3c8a6d5b2e4a719c1d7e8f90abcdef"


def make_notice(**changes: object) -> Notice:
    values: dict[str, object] = {
        "id": FIRST_ID,
        "type": NoticeType.PROBLEM,
        "reason": NoticeReason.FIRST,
        "code": "AUTH_REQUIRED",
        "severity": Severity.CRITICAL,
        "message": "Kite login needed",
        "since": SINCE,
        "created_at": NOW,
        "agent": "my-desk",
        "incident": Incident(
            id="0f3c8a6d5b2e4a719c1d7e8f90abcdef", opened_at=SINCE, url="http://127.0.0.1:8000"
        ),
        "machines": (
            {
                "name": "auth",
                "state": "REQUIRED",
                "reason": "ROLLOVER",
                "message": "yesterday's token",
            },
            {"name": "feed", "state": "DISCONNECTED", "reason": "AWAITING_CREDENTIAL", "message": ""},
        ),
        "action": Action(kind="login", label="Log in to Kite", href="/api/auth/login"),
        "document": {"status": "fail", "code": "AUTH_REQUIRED", "since": SINCE.isoformat()},
    }
    return Notice(**(values | changes))  # type: ignore[arg-type]


def make_recovery(**changes: object) -> Notice:
    values: dict[str, object] = {
        "id": "9e1d2c3b4a5f46870123456789abcdef",
        "type": NoticeType.RECOVERY,
        "reason": NoticeReason.RECOVERED,
        "code": "PRE_OPEN",
        "severity": Severity.OK,
        "message": "AUTH_REQUIRED is over after 2:45:00.",
        "since": SINCE + timedelta(minutes=165),
        "action": None,
        "duration": timedelta(minutes=165),
    }
    return make_notice(**(values | changes))


@dataclass(frozen=True)
class Request:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict:
        return json.loads(self.body)


Reply = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Receiver:
    """An HTTP server that records requests and answers with the bytes it is told; the last one stays."""

    replies: list[Reply] = field(default_factory=lambda: [Receiver.answer()])
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    scheme: str = "http"
    got_request: asyncio.Event = field(default_factory=asyncio.Event)
    _released: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @staticmethod
    def answer(status: str = "200 OK", body: bytes = b"ok", **headers: str) -> bytes:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode() + body

    async def hang(self, _: asyncio.StreamWriter) -> None:
        """A reply that never comes, until the test is over."""
        await self._released.wait()

    def release(self) -> None:
        """End all replies that hang."""
        self._released.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {
                name.lower(): value for name, value in (line.split(": ", 1) for line in head[1:] if line)
            }
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.requests.append(Request(head[0].split(" ")[1], headers, body))
            self.got_request.set()
            reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
            if isinstance(reply, bytes):
                writer.write(reply)
                await writer.drain()
            else:
                await reply(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@dataclass(frozen=True)
class Certificates:
    """An authority made for the test run, and a server's certificate from it."""

    ca_file: Path
    chain_file: Path
    wrong_name_file: Path

    def server(self, chain: Path | None = None) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(str(chain or self.chain_file))
        return context


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    folder = tmp_path_factory.mktemp("certificates")
    begins = datetime.now(UTC) - timedelta(days=1)

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    def builder(subject: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name("openbell test authority"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(begins + timedelta(days=30))
        )

    authority = ec.generate_private_key(ec.SECP256R1())
    ca = (
        builder("openbell test authority", authority)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority.public_key()), critical=False)
        .add_extension(
            x509.KeyUsage(*(use in (5, 6) for use in range(9))),  # signs certificates, and lists of them
            critical=True,
        )
        .sign(authority, hashes.SHA256())
    )

    def issue(file: Path, *names: x509.GeneralName) -> Path:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            builder("server", key)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False
            )
            .sign(authority, hashes.SHA256())
        )
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))
        return file

    ca_file = folder / "ca.pem"
    ca_file.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    here = (x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost"))
    return Certificates(
        ca_file,
        issue(folder / "server.pem", *here),
        issue(folder / "wrong.pem", x509.DNSName("wrong.example")),
    )


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    one = Receiver()
    server = await asyncio.start_server(one.serve, "127.0.0.1", 0)
    one.port = server.sockets[0].getsockname()[1]
    async with server:
        yield one
        one._released.set()
        server.close()


@pytest.fixture
async def tls_receiver(certificates: Certificates) -> AsyncIterator[Receiver]:
    one = Receiver(scheme="https")
    server = await asyncio.start_server(one.serve, "127.0.0.1", 0, ssl=certificates.server())
    one.port = server.sockets[0].getsockname()[1]
    async with server:
        yield one
        server.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def context(clock: ManualClock) -> NotifierContext:
    def no_session() -> object:
        raise AssertionError("notifiers have sessions of their own")

    return notifier_context("desk", no_session, clock)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def notice_of() -> Callable[..., Notice]:
    """A problem's notice, with changes."""
    return make_notice


@pytest.fixture(scope="session")
def recovery_of() -> Callable[..., Notice]:
    """The notice of that problem's end, with changes."""
    return make_recovery
