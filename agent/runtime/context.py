"""What a machine is handed, made real."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from agent.abilities import VALUE_LIMIT, VALUES_LIMIT, Credential, KeyValue, Surroundings
from agent.clock import Clock
from agent.errors import ConfigError, PluginError
from agent.fence import called, fenced, in_words
from agent.model import CoreReason, Expectation, Machine, Report
from agent.ownership import ours, owned
from agent.runtime.border import admit, unknown
from agent.runtime.inlet import Inlet
from agent.runtime.outbound import Outbound
from agent.runtime.pacing import paced
from agent.runtime.threads import Threads
from agent.store.journal import Entry, Store
from agent.watched import Watched

if TYPE_CHECKING:
    import aiohttp

P = ParamSpec("P")
R = TypeVar("R")

TOKEN_CHARACTERS = 2_000
"""So many characters of attributes count for one more report: large ones come in more slowly."""


class JournaledValues:
    """A `KeyValue` whose values are kept in the journal, under a prefix of their owner's.

    `limit` is how many there may be.
    """

    def __init__(self, journal: Store, owner: str, limit: int | None = None) -> None:
        self._journal = journal
        self._owner = owner
        self._limit = limit

    def get(self, key: str) -> str | None:
        return self._journal.value(f"{self._owner}:{key}")

    def put(self, key: str, value: str) -> None:
        if len(value) > VALUE_LIMIT:
            raise PluginError(f"the value under {key!r} is larger than {VALUE_LIMIT} characters")
        if self._limit is not None and self.get(key) is None and self._count() >= self._limit:
            raise PluginError(f"there are {self._limit} values already; {key!r} is not stored")
        self._journal.append(Entry(values=((f"{self._owner}:{key}", value),)))

    def _count(self) -> int:
        return len(self._journal.values_under(f"{self._owner}:"))


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
        self.log = paced(logging.getLogger(f"openbell.{machine.name}"), services.clock)
        self.surroundings = services.surroundings
        self.expectation: Watched[Expectation] = Watched(Expectation.NOTHING)
        self.store: KeyValue = JournaledValues(services.journal, f"machine:{machine.name}", VALUES_LIMIT)
        self.used: set[str] = set()
        """The credentials that it was handed."""
        self._machine = machine
        self._services = services
        self._threads = threads
        self._deliver = deliver
        self._wish = wish
        self._is_spoilt = False
        self.reports: Inlet[object] = Inlet(services.clock, self._admit)
        self.wishes: Inlet[None] = Inlet(services.clock, self._wished)

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
        """Push a report; it reaches the core in the loop's next turn, in order. A flood is merged."""
        self.reports.put(report)

    def _admit(self, report: object) -> None:
        try:
            admitted = called(lambda: admit(self._machine, report, self.clock.now()))
        except Exception as error:  # noqa: BLE001 - the fence: a report may be of a class of the plugin's
            text = str(error) if isinstance(error, PluginError) else in_words(error)
            if not self._is_spoilt:
                self.log.warning("%s: its report cannot be used: %s", self.name, text)
            self._is_spoilt = True
            admitted = unknown(
                CoreReason.PLUGIN_ERROR, f"The plugin's report cannot be used: {text}", self.clock.now()
            )
        else:
            self._is_spoilt = False
        self.reports.charge(len(repr(admitted.attributes)) / TOKEN_CHARACTERS)
        with ours():
            asyncio.get_running_loop().call_soon(self._deliver, admitted)

    def probe_soon(self) -> None:
        self.wishes.put(None)

    def _wished(self, _: None) -> None:
        with ours():
            asyncio.get_running_loop().call_soon(self._wish)

    def spawn(self, call: Coroutine[Any, Any, object], *, name: str) -> asyncio.Task[None]:
        """Start a task of the machine's own: what it raises is logged, and it ends with the agent."""
        run = self._run(call, name)
        return owned(
            self.name, lambda: asyncio.get_running_loop().create_task(run, name=f"{self.name}: {name}")
        )

    async def _run(self, call: Coroutine[Any, Any, object], name: str) -> None:
        try:
            await fenced(call)
        except Exception as error:
            self.log.warning("%s: %s failed: %s", self.name, name, in_words(error), exc_info=error)

    async def in_thread(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        return await self._threads.run(call, *args, **kwargs)
