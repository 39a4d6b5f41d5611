"""What a machine is handed, made real."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from agent.abilities import Credential, KeyValue, Surroundings
from agent.clock import Clock
from agent.errors import ConfigError, PluginError
from agent.model import CoreReason, Expectation, Machine, Report
from agent.runtime.border import admit, unknown
from agent.runtime.outbound import Outbound
from agent.runtime.threads import Threads
from agent.store.journal import Entry, Store
from agent.watched import Watched

if TYPE_CHECKING:
    import aiohttp

P = ParamSpec("P")
R = TypeVar("R")

VALUE_LIMIT = 64_000


class JournaledValues:
    """A `KeyValue` whose values are kept in the journal, under a prefix of their owner's."""

    def __init__(self, journal: Store, owner: str) -> None:
        self._journal = journal
        self._owner = owner

    def get(self, key: str) -> str | None:
        return self._journal.value(f"{self._owner}:{key}")

    def put(self, key: str, value: str) -> None:
        if len(value) > VALUE_LIMIT:
            raise PluginError(f"the value under {key!r} is larger than {VALUE_LIMIT} characters")
        self._journal.append(Entry(values=((f"{self._owner}:{key}", value),)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What all machines share."""

    clock: Clock
    surroundings: Surroundings
    outbound: Outbound
    journal: Store
    credentials: Mapping[str, Credential]


class MachineContext:
    """The `Context` of one machine. What it reports passes the border before the core sees it."""

    def __init__(
        self,
        machine: Machine,
        services: Services,
        *,
        threads: Threads,
        deliver: Callable[[Report], None],
        wish: Callable[[], None],
    ) -> None:
        self.name = machine.name
        self.group = machine.group
        self.clock = services.clock
        self.log = logging.getLogger(f"openbell.{machine.name}")
        self.surroundings = services.surroundings
        self.expectation: Watched[Expectation] = Watched(Expectation.NOTHING)
        self.store: KeyValue = JournaledValues(services.journal, f"machine:{machine.name}")
        self.used: set[str] = set()
        """The credentials that it was handed."""
        self._machine = machine
        self._services = services
        self._threads = threads
        self._deliver = deliver
        self._wish = wish

    @property
    def http(self) -> aiohttp.ClientSession:
        return self._services.outbound.open()

    def credential(self, name: str) -> Credential:
        self.used.add(name)
        try:
            return self._services.credentials[name]
        except KeyError:
            known = ", ".join(sorted(self._services.credentials)) or "none"
            raise ConfigError(f"there is no [credentials.{name}] (there are: {known})") from None

    def report(self, report: Report) -> None:
        """Push a report; it reaches the core in the loop's next turn, in order."""
        try:
            admitted = admit(self._machine, report, self.clock.now())
        except PluginError as error:
            self.log.warning("%s: its report cannot be used: %s", self.name, error)
            admitted = unknown(
                CoreReason.PLUGIN_ERROR, f"The plugin's report cannot be used: {error}", self.clock.now()
            )
        asyncio.get_running_loop().call_soon(self._deliver, admitted)

    def probe_soon(self) -> None:
        asyncio.get_running_loop().call_soon(self._wish)

    async def in_thread(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        return await self._threads.run(call, *args, **kwargs)
