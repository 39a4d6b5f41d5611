"""What a machine is handed in a process of its own: the same `Context`, made of messages."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from agent.abilities import VALUE_LIMIT, VALUES_LIMIT, CredentialState, Secret, Surroundings, Verdict
from agent.clock import SystemClock
from agent.errors import AgentError, ConfigError, PluginError
from agent.fence import fenced, in_words
from agent.model import Expectation, Report
from agent.runtime.inlet import Inlet
from agent.runtime.isolated.wire import Message, Wire
from agent.runtime.outbound import Outbound
from agent.runtime.threads import Threads
from agent.store.rows import report_text
from agent.watched import Watched

if TYPE_CHECKING:
    import aiohttp

P = ParamSpec("P")
R = TypeVar("R")


class HandedContext:
    """The `Context` of a machine in its own process. `hello` is the agent's first message."""

    def __init__(self, hello: Message, wire: Wire) -> None:
        around = hello["surroundings"]
        started = datetime.fromisoformat(hello["now"]) if around["simulator"] else None
        self.name: str = hello["name"]
        self.group: str | None = hello["group"]
        self.clock = SystemClock(started)
        self.log = logging.getLogger(f"openbell.{self.name}")
        self.surroundings = Surroundings(
            around["agent_name"],
            Path(around["data_folder"]),
            around["base_url"],
            around["simulator"],
            Path(around["folder"]),
        )
        self.expectation: Watched[Expectation] = Watched(Expectation(hello["expectation"]))
        self.store = HandedValues(hello["values"], wire)
        self.credentials = {
            name: HandedCredential(name, credential_state(state), wire)
            for name, state in hello["credentials"].items()
        }
        self.outbound = Outbound(hello["user_agent"])
        self.threads = Threads(self.name)
        self._wire = wire
        self._reports: Inlet[Report] = Inlet(self.clock, self._tell)
        self._spawned: set[asyncio.Task[None]] = set()

    @property
    def http(self) -> aiohttp.ClientSession:
        return self.outbound.open()

    def credential(self, name: str) -> HandedCredential:
        if name not in self.credentials:
            raise ConfigError(
                f"[credentials.{name}] is not handed to this process: name it in the machine's settings"
            )
        return self.credentials[name]

    def report(self, report: Report) -> None:
        self._reports.put(report)

    def _tell(self, report: Report) -> None:
        self._wire.send(say="report", report=report_text(report))

    def probe_soon(self) -> None:
        self._wire.send(say="wish")

    def spawn(self, call: Coroutine[Any, Any, object], *, name: str) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(self._run(call, name), name=name)
        self._spawned.add(task)
        task.add_done_callback(self._spawned.discard)
        return task

    async def _run(self, call: Coroutine[Any, Any, object], name: str) -> None:
        try:
            await fenced(call)
        except Exception as error:
            self.log.warning("%s failed: %s", name, in_words(error), exc_info=error)

    async def in_thread(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        return await self.threads.run(call, *args, **kwargs)


class HandedValues:
    """The machine's small store: read from here, written through to the agent."""

    def __init__(self, values: Mapping[str, str], wire: Wire) -> None:
        self._values = dict(values)
        self._wire = wire

    def get(self, key: str) -> str | None:
        return self._values.get(key)

    def put(self, key: str, value: str) -> None:
        if len(value) > VALUE_LIMIT:
            raise PluginError(f"the value under {key!r} is larger than {VALUE_LIMIT} characters")
        if key not in self._values and len(self._values) >= VALUES_LIMIT:
            raise PluginError(f"there are {VALUES_LIMIT} values already; {key!r} is not stored")
        self._values[key] = value
        self._wire.send(say="put", key=key, value=value)


class HandedCredential:
    """A credential of the agent's, as it was last told of; verdicts and writes go back to it."""

    def __init__(self, name: str, state: CredentialState, wire: Wire) -> None:
        self.name = name
        self.state: Watched[CredentialState] = Watched(state)
        self._wire = wire
        self._writes: list[asyncio.Future[Secret]] = []

    def accept(self, generation: str, by: str) -> None:
        self._judge("accept", generation, by)

    def refuse(self, generation: str, by: str) -> None:
        self._judge("refuse", generation, by)

    def doubt(self, generation: str, by: str) -> None:
        self._judge("doubt", generation, by)

    def _judge(self, word: str, generation: str, by: str) -> None:
        self._wire.send(say="judge", name=self.name, word=word, generation=generation, by=by)

    async def write(self, value: str) -> Secret:
        answer: asyncio.Future[Secret] = asyncio.get_running_loop().create_future()
        self._writes.append(answer)
        self._wire.send(say="write", name=self.name, value=value)
        return await answer

    def written(self, error: str | None) -> None:
        """The agent's answer to the oldest write; the new state has come before it."""
        answer, secret = self._writes.pop(0), self.state.value.secret
        if answer.done():
            return
        if error is not None or secret is None:
            answer.set_exception(AgentError(error or f"credential {self.name}: nothing was stored"))
        else:
            answer.set_result(secret)


def credential_message(state: CredentialState) -> Message:
    """A credential's state for the wire, its value too."""
    secret = state.secret
    return {
        "value": secret.value if secret else None,
        "generation": secret.generation if secret else None,
        "first_seen": secret.first_seen if secret else None,
        "verdict": state.verdict,
        "judged_at": state.judged_at,
        "judged_by": state.judged_by,
        "trouble": state.trouble,
    }


def credential_state(message: Message) -> CredentialState:
    """The state that `credential_message` has written."""
    secret = None
    if message["value"] is not None:
        first_seen = datetime.fromisoformat(message["first_seen"])
        secret = Secret(message["value"], message["generation"], first_seen)
    judged_at = message["judged_at"]
    return CredentialState(
        secret,
        Verdict(message["verdict"]),
        datetime.fromisoformat(judged_at) if judged_at else None,
        message["judged_by"],
        message["trouble"],
    )
