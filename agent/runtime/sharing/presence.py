"""What the others see of this agent: who it is, that it lives, and what it says."""

from __future__ import annotations

import hashlib
import json
import logging
import socket
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import reduce
from urllib.parse import urlsplit, urlunsplit

from agent import __version__
from agent.clock import SystemClock
from agent.config.blueprint import Blueprint
from agent.fleet.rows import AgentRow, Role
from agent.fleet.word import packed, word_of
from agent.health.document import HealthDocument
from agent.model import Incident, Json
from agent.runtime.sharing.clocks import Clocks
from agent.store.postgres import pulse
from agent.store.postgres.agents import Facts, beat, end, holder_of_name, reconfigured, register
from agent.store.postgres.connecting import Connection
from agent.store.postgres.identity import Member

log = logging.getLogger(__name__)

OWN = {"name", "server", "data", "store", "simulator", "telemetry"}
"""What differs between agents of one desk, and is no part of what they compare."""


def config_hash(blueprint: Blueprint) -> str:
    """The same for agents that watch the same in the same way; secrets are no part of it."""
    values = blueprint.settings.model_dump(mode="json", exclude=OWN)
    secrets = sorted(filter(None, blueprint.secrets), key=len, reverse=True)
    text = json.dumps(_without(values, secrets))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _without(value: Json, secrets: Sequence[str]) -> Json:
    """The value with what is secret in its texts taken out."""
    if isinstance(value, dict):
        return {key: _without(inner, secrets) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without(inner, secrets) for inner in value]
    if isinstance(value, str):
        return reduce(lambda text, secret: text.replace(secret, "…"), secrets, value)
    return value


def seen_from_elsewhere(url: str) -> str:
    """The address for other machines: one that listens on all of its own is reached by its name."""
    parts = urlsplit(url)
    if parts.hostname not in ("0.0.0.0", "::"):
        return url
    port = f":{parts.port}" if parts.port is not None else ""
    return urlunsplit(parts._replace(netloc=socket.gethostname() + port))


class Presence:
    """`said` gives the document and the open incident of the agent that runs, if one does."""

    def __init__(self, blueprint: Blueprint, *, base_url: str, clock: SystemClock) -> None:
        self._clock = clock
        self.blueprint = blueprint
        self._facts = Facts(
            url=seen_from_elsewhere(base_url),
            host=socket.gethostname(),
            version=__version__,
            config_hash=config_hash(blueprint),
            started_at=clock.wall(),
        )
        self._told: str | None = None
        self._told_role: Role | None = None
        self.said: Callable[[], tuple[HealthDocument, Incident | None] | None] = lambda: None
        self.rival: str | None = None
        """Who else goes by our name: it came while we were out of touch."""
        self.clocks = Clocks(clock)
        self._told_offset: timedelta = timedelta(0)

    async def register(self, connection: Connection, member: Member) -> None:
        """Enter this agent. Raises `SharedStoreError` where its name is taken."""
        await register(connection, member, self._facts)

    async def configured(self, connection: Connection, member: Member, blueprint: Blueprint) -> None:
        """Say which configuration the agent goes by, where that is another than before."""
        if blueprint is self.blueprint:
            return
        self._facts = replace(self._facts, config_hash=config_hash(blueprint))
        await reconfigured(connection, member, self._facts.config_hash)
        self.blueprint = blueprint

    def row(self, member: Member, role: Role) -> AgentRow:
        """What this agent knows of itself without the store."""
        facts, said = self._facts, self.said() if role is not Role.STANDBY else None
        return AgentRow(
            name=member.agent,
            desk=member.desk,
            instance=member.instance,
            run=member.run,
            role=role,
            url=facts.url,
            host=facts.host,
            version=facts.version,
            config_hash=facts.config_hash,
            started_at=facts.started_at,
            changed_at=self._clock.wall(),
            word=packed(word_of(*said)) if said is not None else None,
        )

    async def beat(
        self, connection: Connection, member: Member, role: Role, *, is_seen: bool = False
    ) -> None:
        """Say that this agent lives, unless it was seen already, and what is new of it.

        Raises `SharedStoreError`.
        """
        said = self.said() if role is not Role.STANDBY else None
        text = packed(word_of(*said)) if said is not None else None
        is_news = text is not None and text != self._told
        await self.clocks.follow(connection)
        offset = self.clocks.offset
        if is_news or role is not self._told_role or self.clocks.is_news(self._told_offset):
            offset_ms = round(offset.total_seconds() * 1000, 1)
            word = text if is_news else None
            self._told_role = None  # until it is known what came of it
            is_ours = (await beat(connection, member, offset_ms=offset_ms, word=word, role=role)).is_ours
            self._told_offset = offset
        else:
            is_ours = is_seen or await pulse.beat(connection, member)
        if not is_ours:
            self._told = self._told_role = None
            await self._return(connection, member)
            return
        self._told_role = role
        if is_news:
            self._told = text

    async def _return(self, connection: Connection, member: Member) -> None:
        """Enter again, where this agent was taken off the list; not where another has its name."""
        rival = await holder_of_name(connection, member)
        if rival is None:
            await self.register(connection, member)
        elif self.rival is None:
            log.error("%s", rival)
        self.rival = str(rival) if rival is not None else None

    async def end(self, connection: Connection, member: Member) -> None:
        """Say that this agent was stopped as planned."""
        await end(connection, member)
