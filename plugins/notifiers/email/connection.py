"""Opens and closes a connection to the mail server; a private one, or none at all."""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress

import aiosmtplib

from agent.api import DeliveryError
from plugins.notifiers.answers import SLOWLY
from plugins.notifiers.email.outcomes import redact
from plugins.notifiers.email.settings import EmailSettings, Tls

COMMAND_S = 10.0
"""How long the server may take for one command, the connection included."""

GOODBYE_S = 1.0


@asynccontextmanager
async def connected(
    settings: EmailSettings, tls: ssl.SSLContext | None, *, secrets: Iterable[str]
) -> AsyncIterator[aiosmtplib.SMTP]:
    """A connection that is private and logged in, as the settings have it.

    Raises `DeliveryError`. Where STARTTLS is wanted and not offered, whether by the server or by
    who sits between, nothing more is said to it: neither the password nor the notice.
    """
    connection = aiosmtplib.SMTP(
        hostname=settings.host,
        port=settings.reached_port,
        use_tls=settings.tls is Tls.IMPLICIT,
        start_tls=False,
        tls_context=tls,
        timeout=COMMAND_S,
        local_hostname=_own_name(),
    )
    where = f"{settings.host}:{settings.reached_port}"
    try:
        try:
            await connection.connect()
            await _make_ready(connection, settings, where)
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise _no_connection(error, where, secrets) from None
        yield connection
        with suppress(aiosmtplib.SMTPException, OSError):
            await connection.quit(timeout=GOODBYE_S)
    finally:
        connection.close()


async def _make_ready(connection: aiosmtplib.SMTP, settings: EmailSettings, where: str) -> None:
    await connection.ehlo()
    if settings.tls is Tls.STARTTLS:
        if not connection.supports_extension("starttls"):
            raise DeliveryError(
                f'{where} offers no STARTTLS, and nothing is sent in clear: set tls = "implicit" if it '
                'speaks TLS from the start, or tls = "none" if it may be in clear',
                retry_after=SLOWLY,
            )
        await connection.starttls()
    if settings.username is not None and settings.password is not None:
        await connection.login(settings.username, settings.password.get_secret_value())


def _no_connection(error: Exception, where: str, secrets: Iterable[str]) -> DeliveryError:
    """What kept us from being connected, in words that show no secret."""
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        said = redact(f"{error.code} {error.message}", secrets)
        return DeliveryError(
            f"{where} refused the login ({said}): check username and password",
            needs_person=500 <= error.code <= 599,
        )
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return DeliveryError(f"{where} turned us away: {redact(f'{error.code} {error.message}', secrets)}")
    if isinstance(error, TimeoutError):
        return DeliveryError(f"{where} did not answer in time")
    cause = error if isinstance(error, ssl.SSLError) else error.__cause__
    if isinstance(cause, ssl.SSLError):
        fault = getattr(cause, "verify_message", "") or cause.reason or "it failed"
        return DeliveryError(f"no TLS with {where}: {fault}", retry_after=SLOWLY)
    if isinstance(cause, OSError):
        return DeliveryError(f"no connection to {where}: {redact(str(cause.strerror or cause), secrets)}")
    return DeliveryError(f"no connection to {where}: {redact(str(error), secrets)}")


def _own_name() -> str:
    """How we introduce ourselves: by a whole name, or by an address, as RFC 5321, 4.1.4, allows.

    Looking up the whole name could hang on the very DNS that is broken.
    """
    name = socket.gethostname()
    return name if "." in name and name.replace("-", "").replace(".", "").isalnum() else "[127.0.0.1]"
