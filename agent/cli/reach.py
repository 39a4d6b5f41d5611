"""Reaches a running agent over HTTP, with the control token of the same user where there is one."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from agent.config.glancing import glance
from agent.config.schema import Server
from agent.errors import AgentError, ConfigError
from agent.web.access import CONTROL_TOKEN_FILE

TIMEOUT_S = 10.0
EVENTS_TIMEOUT_S = 60.0
"""A stream sends a comment every 15 s; one that is silent for so long is dead."""


class Unreachable(AgentError):  # noqa: N818 - the state of an agent, not a mistake
    """No agent answers at the address."""


class StandsBy(Unreachable):
    """An agent answers at the address, and another one owns its desk.

    `desk` is `None` where this user may not hear more, `owner` where nobody owns it, `at` where
    the owner's address is not known. `trouble` says what is amiss at the one that stands by.
    """

    def __init__(
        self, url: str, *, desk: str | None, owner: str | None, at: str | None, trouble: str | None
    ) -> None:
        self.desk, self.owner, self.at, self.trouble = desk, owner, at, trouble
        who = (
            f"{owner or 'nobody'} owns the desk {desk}"
            if desk
            else "a read token is needed to hear who owns the desk"
        )
        where = f": ask there, with --url {at}" if at else ""
        super().__init__(f"{url}: this agent stands by; {who}{where}")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer's status, headers and body; `json` is the body read as JSON."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        try:
            return json.loads(self.body)
        except ValueError:
            raise AgentError("what answers there is not an openbell agent") from None


def done(answer: Answer, agent: Reach) -> Any:
    """The JSON of an answer that is well. Raises `AgentError` with the agent's own words otherwise."""
    body = answer.json
    if answer.status < 400:
        return body
    faults = "".join(f"; {one['at']}: {one['what']}" for one in body.get("faults", []))
    known = f" (known: {', '.join(body['known'])})" if body.get("known") else ""
    said = str(body.get("detail", answer.status))
    raise AgentError(f"{agent.url}: {said.rstrip('.') if faults else said}{known}{faults}")


class Reach:
    """One agent's address and, where this user may read it, its control token."""

    def __init__(self, url: str, token: str | None = None, *, remark: str = "") -> None:
        """`remark` is what to say of the address where nobody answers there."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f"--url {url}: expected an address such as http://127.0.0.1:8000")
        self.url = url.rstrip("/")
        self._secure = parts.scheme == "https"
        self._host = parts.hostname
        self._port = parts.port
        self._path = parts.path.rstrip("/")
        self._remark = remark
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        headers: dict[str, str] | None = None,
        body: object = None,
        timeout_s: float = TIMEOUT_S,
    ) -> Answer:
        """One request; redirects are not followed, a body is sent as JSON.

        Raises `Unreachable`, and as such `StandsBy` where another agent is to be asked.
        """
        connection = self._connect(timeout_s)
        try:
            given = {**self._headers, **(headers or {})}
            if body is not None:
                given["Content-Type"] = "application/json"
            text = json.dumps(body) if body is not None else None
            connection.request(method, self._path + path, body=text, headers=given)
            answer = connection.getresponse()
            found = Answer(answer.status, dict(answer.getheaders()), answer.read())
        except (OSError, http.client.HTTPException) as error:
            raise self.unreachable(error) from None
        finally:
            connection.close()
        self._refuse_standby(found)
        return found

    def _refuse_standby(self, answer: Answer) -> None:
        if answer.status != 503:
            return
        said = answer.json
        if isinstance(said, dict) and said.get("code") == "STANDBY":
            desk, owner, at, trouble = (said.get(name) for name in ("desk", "owner", "url", "trouble"))
            raise StandsBy(self.url, desk=desk, owner=owner, at=at, trouble=trouble)

    def document(self) -> dict[str, Any]:
        """The present document. Raises `Unreachable`, also where the agent stands by and has none."""
        answer = self.ask("/api/system/health")
        found: dict[str, Any] = answer.json
        if answer.status >= 400:
            raise Unreachable(f"{self.url}: {found.get('detail', answer.status)}")
        return found

    def documents(self) -> Iterator[dict[str, Any]]:
        """The documents as they come, the present one first. Raises `Unreachable` when they end."""
        for name, said in self.events():
            if name == "document":
                yield said

    def events(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """The events as they come, by name: documents and refreshes. Raises `Unreachable` when they end."""
        connection = self._connect(EVENTS_TIMEOUT_S)
        try:
            connection.request("GET", self._path + "/api/system/events", headers=self._headers)
            answer = connection.getresponse()
            if answer.status != 200:
                self._refuse_standby(Answer(answer.status, {}, answer.read()))
                raise AgentError(f"{self.url}: the agent answers {answer.status}; it may want a token")
            event = ""
            for raw in answer:
                line = raw.decode().rstrip("\n")
                if line.startswith("event: "):
                    event = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    yield event, json.loads(line.removeprefix("data: "))
            raise Unreachable(f"{self.url}: the agent has ended")
        except (OSError, http.client.HTTPException) as error:
            raise self.unreachable(error) from None
        finally:
            connection.close()

    def _connect(self, timeout_s: float) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        return kind(self._host, self._port, timeout=timeout_s)

    def unreachable(self, error: Exception) -> Unreachable:
        """What an error on the way there means, in words for people."""
        why = "no answer in time" if isinstance(error, socket.timeout) else str(error) or "no answer"
        return Unreachable(f"{self.url}: no agent answers there ({why}); is it running?{self._remark}")


def reach(config: Path, url: str | None) -> Reach:
    """The agent of a configuration, or the one at `url`.

    The file is read for its address and data folder only: a fault elsewhere in it does not
    matter to somebody who wants to know how the running agent is.
    """
    server, data = _server_of(config)
    host = "127.0.0.1" if server.host in ("0.0.0.0", "::") else server.host
    address = url or f"http://{f'[{host}]' if ':' in host else host}:{server.port}"
    unread = url is None and config.exists() and not glance(config)
    remark = f" {config} cannot be read, so this is the default address: correct it, or give --url"
    return Reach(address, _token(config.parent / data), remark=remark if unread else "")


def _server_of(config: Path) -> tuple[Server, str]:
    values = glance(config)
    table = values.get("server")
    told = table if isinstance(table, dict) else {}
    try:
        server = Server(host=told.get("host", "127.0.0.1"), port=told.get("port", 8000))
    except ValueError:
        return Server(), "data"
    return server, str(values.get("data", "data"))


def _token(folder: Path) -> str | None:
    try:
        return (folder / CONTROL_TOKEN_FILE).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
