"""The agents' addresses, and calls to them over one kept connection each."""

from __future__ import annotations

import http.client
import ipaddress
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

TIMEOUT_S = 2.0
LONGEST_ANSWER = 64 * 1024


class UnansweredError(Exception):
    """The agent could not be reached, or did not answer as it should; the text says why."""


class Agent:
    """Where the agent answers. Raises `ValueError` for an address that would show the token to others."""

    def __init__(self, url: str, token: str | None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f'{url!r}: expected the agent\'s address, such as "http://127.0.0.1:8000"')
        if parts.scheme == "http" and token is not None and not _is_loopback(parts.hostname):
            raise ValueError(f"{url!r}: a token leaves this host by https only; put TLS before the agent")
        self.name = f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}"
        self._encrypted = parts.scheme == "https"
        self._host, self._port = parts.hostname, parts.port
        self._path = parts.path.rstrip("/")
        self._token = token

    def open(self, timeout_s: float) -> http.client.HTTPConnection:
        """A connection that is made with its first request; certificates are verified."""
        kind = http.client.HTTPSConnection if self._encrypted else http.client.HTTPConnection
        return kind(self._host, self._port, timeout=timeout_s)

    def at(self, path: str) -> str:
        return self._path + path

    @property
    def headers(self) -> dict[str, str]:
        return {} if self._token is None else {"Authorization": f"Bearer {self._token}"}


def agents_at(urls: str | Sequence[str], token: str | None) -> tuple[Agent, ...]:
    """The agents that stand in for each other at one desk, or the only one. Raises `ValueError`."""
    found = tuple(Agent(url, token) for url in ([urls] if isinstance(urls, str) else urls))
    if not found:
        raise ValueError("expected the agent's address, or those of all agents of the desk")
    return found


class Line:
    """Posts to one path of the agent, over a connection that is kept."""

    def __init__(self, agent: Agent, path: str) -> None:
        self.name = agent.name
        self._agent = agent
        self._path = agent.at(path)
        self._connection: http.client.HTTPConnection | None = None

    def post(self, body: Mapping[str, object]) -> Mapping[str, Any]:
        """The agent's answer. Raises `UnansweredError`."""
        payload = json.dumps(body).encode()
        kept = self._connection is not None
        try:
            return self._ask(payload)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            if not kept or isinstance(error, TimeoutError):
                raise UnansweredError(type(error).__name__) from None
        return self._once_more(payload)

    def _once_more(self, payload: bytes) -> Mapping[str, Any]:
        """A kept connection may have been closed meanwhile, which is nobody's fault."""
        try:
            return self._ask(payload)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise UnansweredError(type(error).__name__) from None

    def _ask(self, payload: bytes) -> Mapping[str, Any]:
        self._connection = self._connection or self._agent.open(TIMEOUT_S)
        headers = {**self._agent.headers, "Content-Type": "application/json"}
        self._connection.request("POST", self._path, payload, headers)
        answer = self._connection.getresponse()
        text = answer.read(LONGEST_ANSWER)
        if not answer.isclosed():
            self.close()
            raise UnansweredError("its answer is too long")
        return _read(answer.status, text)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _read(status: int, text: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise UnansweredError(f"it answered with status {status} and no JSON object")
    if status != 200:
        raise UnansweredError(f"it answered with status {status}: {found.get('detail', 'no reason given')}")
    return found


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
