"""Who may do what: tokens, page sessions, and the places a request may come from."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from agent.clock import Clock
from agent.config.schema import Server
from agent.errors import StoreError

SESSION_COOKIE = "openbell_session"
SESSION_LIFE_S = 12 * 3600.0
SESSIONS_LIMIT = 1_000
CONTROL_TOKEN_FILE = "control-token"  # noqa: S105 - the name of the file, not the token


class Scope(StrEnum):
    """What a route asks of its caller."""

    PUBLIC = "public"
    READ = "read"
    CONTROL = "control"
    PUSH = "push"


def digest(secret: str) -> bytes:
    """What is kept of a secret that is only ever compared."""
    return hashlib.sha256(secret.encode()).digest()


def control_token(folder: Path) -> str:
    """The folder's control token, made at the first start, mode 0600. Raises `StoreError`."""
    path = folder / CONTROL_TOKEN_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            path.chmod(0o600)
            return path.read_text(encoding="ascii").strip()
        token = secrets.token_urlsafe(32)
        with os.fdopen(descriptor, "w") as file:
            file.write(token)
    except OSError as error:
        raise StoreError(f"{path}: the control token cannot be kept ({error.strerror})") from error
    return token


class Hosts:
    """The names by which the agent may be asked for: a page of another name is not ours.

    A browser that was led to our address under a stranger's name (DNS rebinding) sends that
    name as `Host`, and a stranger's page that posts to us sends its own `Origin`.
    """

    def __init__(self, server: Server, base_url: str, port: int) -> None:
        names = {"127.0.0.1", "localhost", "[::1]", server.host}
        own = {f"{name}:{port}" for name in names} | {urlsplit(base_url).netloc}
        self._hosts = {host.lower() for host in own | set(server.allowed_hosts)}

    def takes(self, host: str) -> bool:
        return host.lower() in self._hosts

    def is_own_origin(self, origin: str) -> bool:
        parts = urlsplit(origin)
        return parts.scheme in ("http", "https") and self.takes(parts.netloc)


@dataclass(frozen=True, slots=True)
class Caller:
    """What a request may do, and whether its page session makes it so."""

    scopes: frozenset[Scope]
    session: bool = False


class Access:
    """Judges callers by what they bring; holds digests, never the tokens."""

    def __init__(self, server: Server, control: str, clock: Clock) -> None:
        self._clock = clock
        self._open_to_read = server.is_loopback
        self._control = [digest(control)]
        self._read: list[bytes] = []
        self._push: list[bytes] = []
        if server.control_token is not None:
            self._control.append(digest(server.control_token.get_secret_value()))
        if server.read_token is not None:
            self._read.append(digest(server.read_token.get_secret_value()))
        if server.push_token is not None:
            self._push.append(digest(server.push_token.get_secret_value()))
        self._sessions: dict[bytes, float] = {}

    def caller(self, authorization: str | None, cookies: Mapping[str, str]) -> Caller:
        """What the bearer of these may do."""
        token = _token(authorization)
        scopes = {Scope.PUBLIC}
        if self._open_to_read or (token is not None and self._is(token, self._read)):
            scopes.add(Scope.READ)
        if token is not None and self._is(token, self._push):
            scopes.add(Scope.PUSH)
        if token is not None and self._is(token, self._control):
            scopes |= {Scope.READ, Scope.CONTROL, Scope.PUSH}
        session = self._has_session(cookies.get(SESSION_COOKIE))
        if session:
            scopes |= {Scope.READ, Scope.CONTROL}
        return Caller(frozenset(scopes), session)

    def open_session(self, caller: Caller) -> str | None:
        """A new page session for a caller who may have one; `None` where it has one or may not."""
        may = self._open_to_read or Scope.CONTROL in caller.scopes
        if caller.session or not may:
            return None
        session = secrets.token_urlsafe(32)
        now = self._clock.monotonic()
        self._sessions = {key: end for key, end in self._sessions.items() if end > now}
        while len(self._sessions) >= SESSIONS_LIMIT:
            self._sessions.pop(next(iter(self._sessions)))
        self._sessions[digest(session)] = now + SESSION_LIFE_S
        return session

    def _has_session(self, cookie: str | None) -> bool:
        return cookie is not None and self._sessions.get(digest(cookie), 0.0) > self._clock.monotonic()

    @staticmethod
    def _is(token: str, known: list[bytes]) -> bool:
        presented = digest(token)
        return any(hmac.compare_digest(presented, one) for one in known)


def _token(authorization: str | None) -> str | None:
    """The token of a bearer, or the password that a browser asks a person for."""
    scheme, _, value = (authorization or "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            _, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return password
    return None
