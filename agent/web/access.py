"""Who may do what: tokens, page sessions, and the places a request may come from."""

from __future__ import annotations

import base64
import binascii
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from agent.config.schema import Server
from agent.errors import StoreError
from agent.settings import SecretText
from agent.web.digests import digest, digest_of_configured, is_same
from agent.web.sessions import Sessions

SESSION_COOKIE = "openbell_session"
SHORT = 22
"""A token of fewer characters could be guessed: 22 are what 128 random bits come to."""
LONGEST = 1_000

CONTROL_TOKEN_FILE = "control-token"  # noqa: S105 - the name of the file, not the token


class Scope(StrEnum):
    """What a route asks of its caller."""

    PUBLIC = "public"
    READ = "read"
    CONTROL = "control"
    PUSH = "push"


def control_token(folder: Path) -> str:
    """The folder's control token, made at the first start, mode 0600. Raises `StoreError`.

    The file holds the token itself, because the commands of its owner must show it. One that
    was cut off as it was made is made anew.
    """
    path = folder / CONTROL_TOKEN_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "r+", encoding="ascii") as file:
            os.fchmod(descriptor, 0o600)
            found = file.read(LONGEST).strip()
            if len(found) >= SHORT:
                return found
            token = secrets.token_urlsafe(32)
            file.seek(0)
            file.truncate()
            file.write(token)
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no token; move it aside"
        raise StoreError(f"{path}: the control token cannot be kept ({why})") from error
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
        self._behind_tls = urlsplit(base_url).netloc.lower() if base_url.startswith("https://") else None

    def takes(self, host: str) -> bool:
        return host.lower() in self._hosts

    def is_behind_tls(self, host: str) -> bool:
        """Whether people reach this name by https, at a proxy before us."""
        return host.lower() == self._behind_tls

    def is_own_origin(self, origin: str) -> bool:
        parts = urlsplit(origin)
        return parts.scheme in ("http", "https") and self.takes(parts.netloc)


@dataclass(frozen=True, slots=True)
class Caller:
    """What a request may do, and by what: `name` is what an audit line calls it.

    `may_guess` holds of one that brought a token which is wrong, or so short that it could be
    found by trying. `session` is the key of its page session, and `by_session` whether only that
    gives it control.
    """

    scopes: frozenset[Scope]
    name: str = "anyone"
    session: str | None = None
    by_session: bool = False
    may_guess: bool = False


@dataclass(frozen=True, slots=True)
class _Token:
    """A token that is taken, as its digest."""

    name: str
    digest: bytes
    scopes: frozenset[Scope]
    is_short: bool = False


_CONTROLS = frozenset({Scope.READ, Scope.CONTROL, Scope.PUSH})


class Access:
    """Judges callers by what they bring; holds digests, never the tokens."""

    def __init__(self, server: Server, control: str, sessions: Sessions) -> None:
        self.sessions = sessions
        self.open_to_all = frozenset({Scope.PUBLIC, Scope.READ} if server.is_loopback else {Scope.PUBLIC})
        self._anyone = Caller(self.open_to_all)
        self._tokens = [
            _Token("the folder's control token", digest(control), _CONTROLS),
            *_configured("control_token", server.control_token, _CONTROLS),
            *_configured("read_token", server.read_token, frozenset({Scope.READ})),
            *_configured("push_token", server.push_token, frozenset({Scope.PUSH})),
        ]

    def caller(self, authorization: str | None, cookies: Mapping[str, str]) -> Caller:
        """What the bearer of these may do."""
        if authorization is None and not cookies:
            return self._anyone
        presented = _token(authorization)
        found = self._find(presented) if presented is not None else []
        session = self.sessions.find(cookies.get(SESSION_COOKIE))
        scopes = self.open_to_all.union(*(token.scopes for token in found))
        names = [token.name for token in found]
        if session is not None:
            scopes |= {Scope.READ, Scope.CONTROL}
            names.append(f"page session {session[:6]}")
        is_safe = any(not token.is_short for token in found)
        return Caller(
            scopes,
            name=names[0] if names else "anyone",
            session=session,
            by_session=session is not None and not any(Scope.CONTROL in token.scopes for token in found),
            may_guess=presented is not None and not is_safe,
        )

    def open_session(self, caller: Caller) -> str | None:
        """A new page session for a caller who may have one; `None` where it has one or may not."""
        may = Scope.READ in self.open_to_all or Scope.CONTROL in caller.scopes
        return self.sessions.open() if may and caller.session is None else None

    def _find(self, presented: str) -> list[_Token]:
        mark = digest(presented)
        return [token for token in self._tokens if is_same(mark, token.digest)]


def _configured(name: str, value: SecretText | None, scopes: frozenset[Scope]) -> list[_Token]:
    if value is None:
        return []
    text = value.get_secret_value()
    return [_Token(name, digest_of_configured(text), scopes, is_short=len(text) < SHORT)]


def _token(authorization: str | None) -> str | None:
    """The token of a bearer, or the password that a browser asks a person for."""
    scheme, _, value = (authorization or "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip() or None
    if scheme.lower() == "basic":
        try:
            _, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return password or None
    return None
