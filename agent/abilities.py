"""What a plugin's objects can do, and what they are handed to do it with."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar, runtime_checkable

from agent.clock import Clock
from agent.model import Expectation, Notice, Receipt, Report, Session
from agent.watched import Watched

if TYPE_CHECKING:
    import aiohttp

P = ParamSpec("P")
R = TypeVar("R")


class Verdict(StrEnum):
    """What is known of one generation of a credential."""

    UNPROVEN = "UNPROVEN"
    ACCEPTED = "ACCEPTED"
    DOUBTED = "DOUBTED"
    REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True)
class Secret:
    """One generation of a credential.

    `generation` is a keyed hash of the value: the same value written again is the same
    generation. `first_seen` is when this agent first met it, kept across restarts.
    """

    value: str = field(repr=False)
    generation: str
    first_seen: datetime


@dataclass(frozen=True, slots=True)
class CredentialState:
    """A credential as it stands: its secret, if there is one, and what the broker made of it.

    `judged_at` is the instant of the verdict and `judged_by` names what gave it, for example
    `"profile"` or `"handshake"`. `trouble` says, for people, why the source cannot be read.
    """

    secret: Secret | None = None
    verdict: Verdict = Verdict.UNPROVEN
    judged_at: datetime | None = None
    judged_by: str = ""
    trouble: str = ""

    @property
    def usable(self) -> Secret | None:
        """The secret, unless there is none or the broker has refused or a feed doubts it."""
        return None if self.verdict in (Verdict.REFUSED, Verdict.DOUBTED) else self.secret


class Credential(Protocol):
    """A named secret that machines share; the core reads, watches and writes its source.

    A verdict names the generation it is about; one on a former generation is dropped.
    """

    name: str
    state: Watched[CredentialState]

    def accept(self, generation: str, by: str) -> None:
        """The broker took it: proof."""
        ...

    def refuse(self, generation: str, by: str) -> None:
        """The broker said that it is dead: it is never tried again."""
        ...

    def doubt(self, generation: str, by: str) -> None:
        """It was turned away for a reason unknown; whoever can ask the broker should."""
        ...

    async def write(self, value: str) -> Secret:
        """Store a new value at its source, mode 0600, other lines kept.

        Raises `AgentError` if it cannot be stored; a well-formed value is in `state` all the same.
        """
        ...


VALUE_LIMIT = 64_000
VALUES_LIMIT = 256
"""So many values may one machine keep: nobody fills the disk."""


class KeyValue(Protocol):
    """A small store of a plugin's own: up to 256 JSON texts of up to 64 kB."""

    def get(self, key: str) -> str | None: ...

    def put(self, key: str, value: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where the agent runs. `simulator` is the embedded broker's URL, or `None` when live.

    `folder` is the configuration's: a relative path in a plugin's settings counts from there.
    """

    agent_name: str
    data_folder: Path
    base_url: str
    simulator: str | None = None
    folder: Path = Path()


class Context(Protocol):
    """All that a state machine is handed; made anew for each machine."""

    name: str
    group: str | None
    clock: Clock
    log: logging.Logger
    surroundings: Surroundings
    expectation: Watched[Expectation]
    store: KeyValue

    @property
    def http(self) -> aiohttp.ClientSession:
        """The shared HTTP session: verified TLS, proxy settings of the host ignored, 15 s in all."""
        ...

    def credential(self, name: str) -> Credential:
        """The credential of `[credentials.NAME]`. Raises `ConfigError` if there is none."""
        ...

    def report(self, report: Report) -> None:
        """Push a report; it takes the same road as the answer to a probe.

        A burst of 20 passes; beyond two a second the latest one wins.
        """
        ...

    def probe_soon(self) -> None:
        """Ask the core for a probe now; several wishes before it begins make one probe."""
        ...

    def spawn(self, call: Coroutine[Any, Any, object], *, name: str) -> asyncio.Task[None]:
        """Start a task of the machine's own: what it raises is logged, and it ends with the agent."""
        ...

    async def in_thread(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a blocking call in this plugin's own bounded pool of threads."""
        ...


class StateMachine(Protocol):
    """The one thing that a state machine must do.

    `probe` may also be a plain `def`: it is then run in a thread of the plugin's pool. It has
    a timeout, never overlaps itself, and is cancelled when the agent stops.
    """

    async def probe(self) -> Report: ...


@runtime_checkable
class Running(Protocol):
    """A machine with a task of its own; restarted with backoff when it ends or raises."""

    async def run(self) -> None: ...


@runtime_checkable
class Login(Protocol):
    """A machine whose broker wants a person to log in."""

    async def begin(self, state: str, return_url: str) -> str:
        """The broker's page to send the person to; `state` must come back with them."""
        ...

    async def complete(self, query: Mapping[str, str]) -> str:
        """Exchange what the person came back with; returns a line for them.

        Raises `LoginError`, whose text the person sees.
        """
        ...


@runtime_checkable
class Actions(Protocol):
    """A machine that can be told to do something."""

    async def act(self, action: str) -> str:
        """Do one of the declared actions; returns what was done. Raises `ActionError`."""
        ...


@runtime_checkable
class Pushed(Protocol):
    """A machine that is told things over HTTP, by `POST /api/system/push/NAME`."""

    async def take(self, body: Mapping[str, Any]) -> Mapping[str, object]:
        """Take in a JSON object of up to 64 kB; returns the answer, which may hold a secret.

        Raises `ActionError`, whose text the sender sees, for one that cannot be used.
        """
        ...


class InThread(Protocol):
    """Runs a blocking call in a bounded pool of threads."""

    async def __call__(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R: ...


@runtime_checkable
class Sessions(Protocol):
    """A market machine that knows its sessions, those of the past as well."""

    async def sessions(self, since: datetime, until: datetime) -> Sequence[Session]:
        """The sessions that begin from `since` on and before `until`, in order.

        Of days that the calendar does not cover there are none.
        """
        ...


@dataclass(frozen=True, slots=True)
class NotifierContext:
    """All that a notifier is handed; made anew for each notifier.

    What is put into `store` before `send` returns is on disk before the notice counts as
    delivered. `in_thread` has threads of this notifier's own: when they hang, it hangs alone.
    """

    name: str
    clock: Clock
    log: logging.Logger
    surroundings: Surroundings
    open_http: Callable[[], aiohttp.ClientSession] = field(repr=False)
    store: KeyValue
    in_thread: InThread

    @property
    def http(self) -> aiohttp.ClientSession:
        """The shared HTTP session: verified TLS, proxy settings of the host ignored, 15 s in all."""
        return self.open_http()


class Notifier(Protocol):
    """Tells one receiver. `send` raises `DeliveryError`; any other error counts as passing."""

    async def send(self, notice: Notice) -> Receipt: ...


@runtime_checkable
class Addressing(Protocol):
    """A notifier that tells several people, each in a letter, with retries and a receipt, of their own."""

    @property
    def recipients(self) -> Sequence[str]: ...

    async def send_to(self, recipient: str, notice: Notice) -> Receipt:
        """As `send`, to one of the recipients."""
        ...


@runtime_checkable
class Reachable(Protocol):
    """A machine or a notifier that can be asked whether its other side answers, without being run."""

    async def reach(self) -> str:
        """Look, and tell and change nothing; returns a line for people.

        Raises `AgentError`, whose text says what is wrong and what would do.
        """
        ...


@runtime_checkable
class Complete(Protocol):
    """A notifier whose receiver is a program, which is sent every notice where `complete` is true.

    People are spared an alarm that was over before it could be told: they get its recovery,
    which says what was wrong and for how long.
    """

    complete: bool


@runtime_checkable
class Paced(Protocol):
    """A notifier whose receiver takes a few messages at once, and then one in so long a time."""

    pace: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteRequest:
    """A request at an address of a plugin's own.

    `parts` has what stood at the `{names}` of its path, `body` the JSON object of a request that
    has one, `machines` what the plugin itself has built within the agent's process, by name.
    """

    method: str
    parts: Mapping[str, str]
    query: Mapping[str, str]
    body: Mapping[str, Any] | None
    machines: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class RouteAnswer:
    """An answer: a text, sent as plain text, or anything else that JSON has."""

    body: object
    status: int = 200


class Observer(Protocol):
    """Is told of each published document, as its JSON, from a queue of its own."""

    async def observe(self, document: Mapping[str, object]) -> None: ...
