"""What an error of the shared store means to a person: place, finding and remedy, in one line. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

import psycopg

from agent.errors import StoreError
from agent.store.postgres.address import Address

OLDEST = 15
"""The first version of PostgreSQL that has all that is used here."""


class SharedStoreError(StoreError):
    """The shared store cannot be used.

    `lasting` means that waiting will not mend it: a person must change something first.
    """

    def __init__(self, message: str, *, lasting: bool = False) -> None:
        super().__init__(message)
        self.lasting = lasting


@dataclass(frozen=True, slots=True)
class _Trouble:
    """One kind: by which words, as patterns, or which SQLSTATE it is known, and what is said of it."""

    remedy: str
    lasting: bool
    words: tuple[str, ...] = ()
    states: tuple[str, ...] = ()


_TROUBLES = (
    _Trouble(
        "an option in [store] url is not right; correct it",
        True,
        ("invalid \\w+ value", "weak sslmode", "invalid port number", "invalid integer value"),
    ),
    _Trouble(
        "the server's certificate is not trusted; give its authority with sslrootcert in [store] url, "
        "and the host as the certificate names it",
        True,
        ("certificate",),
    ),
    _Trouble(
        "the server does not take this user and password; correct them in [store] url or the password file",
        True,
        ("password authentication failed", "no password supplied", "authentication failed"),
        ("28P01",),
    ),
    _Trouble(
        "there is no such database; correct its name in [store] url, or create it",
        True,
        ('database "[^"]*" does not exist', "no such database"),
        ("3D000",),
    ),
    _Trouble(
        "the server does not let this user in from this machine, or not without TLS; "
        "add a line to its pg_hba.conf, or set sslmode=require in [store] url",
        True,
        ("no pg_hba.conf entry", "pg_hba.conf rejects", "SSL required", "connection requires a valid client"),
        ("28000",),
    ),
    _Trouble(
        "the server speaks no TLS, and sslmode in [store] url asks for it; switch it on at the server",
        True,
        ("does not support SSL", "server does not support TLS"),
    ),
    _Trouble(
        "the name of the host is not known; correct it in [store] url, or look at the name server",
        False,
        ("could not translate host name", "failed to resolve host", "Name or service not known"),
    ),
    _Trouble(
        "nobody listens there; start the server, or correct host and port in [store] url",
        False,
        ("Connection refused", "No such file or directory"),
    ),
    _Trouble(
        "what answers there is not PostgreSQL; correct host and port in [store] url",
        True,
        ("invalid response to SSL negotiation", "expected authentication request", "received invalid"),
    ),
    _Trouble(
        "this user may not do that; let the owner of the schema grant it, as the manual says",
        True,
        (),
        ("42501",),
    ),
    _Trouble(
        "the server lets nobody write: it is a replica, or its disk is being looked after; "
        "give the primary's address, waiting goes on",
        False,
        ("read-only", "session is not read-write"),
        ("25006",),
    ),
    _Trouble(
        "the server's disk is full; free some space, what waits is sent by itself",
        False,
        ("No space left",),
        ("53100",),
    ),
    _Trouble(
        "the server takes no more connections; raise its max_connections, or put a pooler before it",
        False,
        ("too many clients", "remaining connection slots", "too many connections", "no more connections"),
        ("53300",),
    ),
    _Trouble(
        "the server is starting or stopping; waiting goes on",
        False,
        ("starting up", "shutting down", "in recovery mode", "not yet accepting"),
        ("57P01", "57P02", "57P03"),
    ),
    _Trouble(
        "the server was held up; look at what locks its tables, or at its load; waiting goes on",
        False,
        (),
        ("25P03", "55P03", "57014", "40P01", "40001"),
    ),
    _Trouble(
        "the connection has ended; another is made",
        False,
        (
            "server closed the connection",
            "connection is (lost|closed)",
            "Connection reset",
            "Broken pipe",
            "SSL SYSCALL",
            "could not (receive|send) data",
        ),
        ("57P05",),
    ),
    _Trouble(
        "the tables are not there; start an agent that may create them",
        True,
        (),
        ("42P01", "3F000"),
    ),
)


def explain(address: Address, error: BaseException) -> SharedStoreError:
    """The place, the finding and the remedy; never the password."""
    if isinstance(error, SharedStoreError):
        return error
    found = address.hide(_plain(str(error)))
    if isinstance(error, (TimeoutError, psycopg.errors.ConnectionTimeout)):
        return silent(address)
    trouble = _known(getattr(error, "sqlstate", None), found)
    if trouble is None:
        return SharedStoreError(f"{address.place}: {found}; look at the server, waiting goes on")
    return SharedStoreError(f"{address.place}: {trouble.remedy} ({found})", lasting=trouble.lasting)


def silent(address: Address) -> SharedStoreError:
    """It was waited for long enough."""
    return SharedStoreError(
        f"{address.place}: the server does not answer; look at it and at the network, waiting goes on"
    )


def too_old(address: Address, version: int) -> SharedStoreError | None:
    """A server older than is needed; `version` as libpq counts, 150004 for 15.4."""
    if version >= OLDEST * 10_000:
        return None
    return SharedStoreError(
        f"{address.place}: the server is PostgreSQL {version // 10_000}; it must be {OLDEST} or newer",
        lasting=True,
    )


def unreadable(address: Address, dates: str | None, spans: str | None) -> SharedStoreError | None:
    """Instants or durations in a way of writing that the driver does not read; `None`: it is not told."""
    if dates is not None and not dates.startswith("ISO"):
        found, wanted = f"dates as {dates}", "datestyle = 'ISO'"
    elif spans is not None and spans != "postgres":
        found, wanted = f"durations as {spans}", "intervalstyle = 'postgres'"
    else:
        return None
    return SharedStoreError(
        f"{address.place}: the server writes {found} for this user; let the owner of the database run: "
        f"ALTER ROLE … SET {wanted}, or ALTER DATABASE … SET {wanted}",
        lasting=True,
    )


def _plain(text: str) -> str:
    """One line, without what libpq says before the finding and after it."""
    text = re.sub(r"Is the server running on that host and accepting TCP/IP connections\?", "", text)
    line = " ".join(text.split())
    return re.sub(
        r"^(connection failed: )?(connection to server (at|on) .{0,300}? failed: )?(FATAL: )?", "", line
    )


def _known(state: str | None, found: str) -> _Trouble | None:
    by_state = (one for one in _TROUBLES if state is not None and state in one.states)
    by_words = (one for one in _TROUBLES if any(re.search(words, found) for words in one.words))
    return next(by_state, None) or next(by_words, None)
