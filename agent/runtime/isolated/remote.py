"""A machine in a process of its own, as the agent deals with it: an object like any other machine."""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from agent import __version__
from agent.abilities import Credential
from agent.config.blueprint import MachinePlan
from agent.errors import ActionError, AgentError, LoginError, PluginError
from agent.model import Report
from agent.runtime.context import MachineContext
from agent.runtime.inlet import Inlet
from agent.runtime.isolated import process as processes
from agent.runtime.isolated.handed import credential_message
from agent.runtime.isolated.process import Process
from agent.runtime.isolated.wire import Message, WireError, written
from agent.store.rows import read_report

START_TIMEOUT_S = 30.0
GRACE_S = 2.0
"""A call that was given up must have ended after so long, or the process is killed."""

KINDS: Mapping[str, type[Exception]] = {"action": ActionError, "login": LoginError, "plugin": PluginError}


class ProcessError(PluginError):
    """The machine's process is not there to answer."""


class Remote:
    """Its `run` is one life of the process, so that the supervisor's backoff and quarantine hold for it."""

    def __init__(
        self,
        plan: MachinePlan,
        context: MachineContext,
        *,
        values: Mapping[str, str],
        credentials: Mapping[str, Credential],
    ) -> None:
        self._plan = plan
        self._context = context
        self._values = dict(values)
        self._credentials = credentials
        self._process: Process | None = None
        self._numbers = itertools.count()
        self._pending: dict[int, asyncio.Future[Any]] = {}
        self._overdue: str | None = None
        self._lines: Inlet[str] = Inlet(
            context.clock, lambda line: context.log.info("%s (its process): %s", context.name, line)
        )
        self._hear: Mapping[str, Callable[[Message], None]] = {
            "answer": self._answered,
            "error": self._refused,
            "report": lambda m: context.report(read_report(m["report"])),
            "wish": lambda m: context.probe_soon(),
            "judge": self._judged,
            "write": self._write,
            "put": self._put,
        }

    @property
    def is_away(self) -> bool:
        """Whether there is no process that could be asked: it starts, or rests."""
        return self._process is None

    # -- its life --------------------------------------------------------------------------

    async def run(self) -> None:
        """Start the process and listen to it until it ends. Raises `ProcessError` that says how it did."""
        process = await processes.start(self._context.surroundings.folder, self._lines.put)
        self._overdue = None
        endings: list[Callable[[], None]] = []
        said: str | None = ""
        try:
            async with self._context.clock.timeout(START_TIMEOUT_S):
                said = await self._begin(process)
            if said is None:
                endings = self._keep_told(process)
                self._process = process
                self._context.probe_soon()
                said = await self._listen(process)
        except TimeoutError:
            said = f"its process was not ready within {START_TIMEOUT_S:g} s"
        except (WireError, ValueError, KeyError, TypeError) as error:
            said = f"its process says what makes no sense ({type(error).__name__}: {error})"
        finally:
            self._process = None
            for end in endings:
                end()
            await process.end()
            self._abandon(said or "its process has ended")
        if said:
            raise ProcessError(said)

    async def _begin(self, process: Process) -> str | None:
        process.wire.send(**self._hello())
        answer = await process.wire.receive()
        if answer is None:
            return f"its process has gone before it was ready: {await process.ended()}"
        return None if answer["say"] == "ready" else f"it cannot be built: {answer['text']}"

    async def _listen(self, process: Process) -> str:
        """Take in what it says; returns its last word: that its task crashed, or ended (`""`)."""
        while message := await process.wire.receive():
            said = message["say"]
            if said in ("crashed", "ended"):
                return f"its task failed: {message['text']}" if said == "crashed" else ""
            self._hear[said](message)
            await self._context.clock.sleep(0)  # a flood of messages lets others have their turn
        with suppress(TimeoutError):
            async with self._context.clock.timeout(GRACE_S):
                how = await process.ended()
                return self._overdue or f"its process has gone: {how}"
        return self._overdue or "its process does not speak any more"

    def _hello(self) -> Message:
        context, around = self._context, self._context.surroundings
        kind = self._plan.kind
        return {
            "plugin": kind.plugin if kind is not None else "",
            "kind": self._plan.machine.kind,
            "name": context.name,
            "group": context.group,
            "settings": written(self._plan.settings),
            "memory": self._plan.memory,
            "path": sys.path,
            "now": context.clock.now(),
            "user_agent": f"openbell/{__version__}",
            "expectation": context.expectation.value,
            "values": self._values,
            "credentials": {
                name: credential_message(one.state.value) for name, one in self._credentials.items()
            },
            "surroundings": {
                "agent_name": around.agent_name,
                "data_folder": around.data_folder,
                "base_url": around.base_url,
                "simulator": around.simulator,
                "folder": around.folder,
            },
        }

    def _keep_told(self, process: Process) -> list[Callable[[], None]]:
        """Tell it of what changes; returns what ends that."""

        def expect(value: object) -> None:
            process.wire.send(do="expect", value=value)

        def hold(name: str) -> Callable[[Any], None]:
            return lambda state: process.wire.send(
                do="credential", name=name, state=credential_message(state)
            )

        expect(self._context.expectation.value)
        for name, one in self._credentials.items():
            hold(name)(one.state.value)
        return [
            self._context.expectation.subscribe(expect),
            *(one.state.subscribe(hold(name)) for name, one in self._credentials.items()),
        ]

    # -- what it is asked --------------------------------------------------------------------

    async def probe(self) -> Report:
        try:
            return read_report(await self._call("probe"))
        except (ValueError, KeyError, TypeError) as error:
            raise PluginError(f"its process sent no report ({type(error).__name__})") from error

    async def act(self, action: str) -> str:
        return str(await self._call("act", action))

    async def _call(self, method: str, *arguments: object) -> Any:
        process = self._process
        if process is None:
            raise ProcessError("its process is not running")
        number = next(self._numbers)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._pending[number] = answer
        process.wire.send(do="call", id=number, method=method, arguments=arguments)
        try:
            return await asyncio.shield(answer)
        except asyncio.CancelledError:
            if not answer.done():
                self._give_up(process, number, method)
            raise

    def _give_up(self, process: Process, number: int, method: str) -> None:
        """Have the call cancelled, and the process killed if that does not help."""
        process.wire.send(do="cancel", id=number)

        def kill() -> None:
            if number in self._pending and self._process is process:
                self._overdue = f"its process was killed: its {method} hung, and did not end when cancelled"
                process.kill()

        self._context.clock.call_later(GRACE_S, kill)

    def _abandon(self, why: str) -> None:
        pending, self._pending = self._pending, {}
        for answer in pending.values():
            if not answer.done():
                answer.set_exception(ProcessError(why))
                answer.exception()

    # -- what it says ------------------------------------------------------------------------

    def _answered(self, message: Message) -> None:
        answer = self._pending.pop(message["id"])
        if not answer.done():
            answer.set_result(message["value"])

    def _refused(self, message: Message) -> None:
        answer = self._pending.pop(message["id"])
        if not answer.done():
            kind = KINDS.get(message["kind"], RuntimeError)
            answer.set_exception(kind(str(message["text"])))
            answer.exception()

    def _judged(self, message: Message) -> None:
        credential = self._credentials[message["name"]]
        judge = {"accept": credential.accept, "refuse": credential.refuse, "doubt": credential.doubt}
        judge[message["word"]](str(message["generation"]), str(message["by"]))

    def _write(self, message: Message) -> None:
        self._context.spawn(
            self._written(message["name"], str(message["value"])), name="a credential's write"
        )

    async def _written(self, name: str, value: str) -> None:
        try:
            await self._credentials[name].write(value)
            error = None
        except AgentError as problem:
            error = str(problem)
        if self._process is not None:
            self._process.wire.send(do="written", name=name, error=error)

    def _put(self, message: Message) -> None:
        key, value = str(message["key"]), str(message["value"])
        self._values[key] = value
        self._context.store.put(key, value)


class _Takes(Remote):
    async def take(self, body: Mapping[str, Any]) -> Mapping[str, object]:
        answer: Mapping[str, object] = await self._call("take", body)
        return answer


class _LogsIn(Remote):
    async def begin(self, state: str, return_url: str) -> str:
        return str(await self._call("begin", state, return_url))

    async def complete(self, query: Mapping[str, str]) -> str:
        return str(await self._call("complete", query))


class _DoesBoth(_Takes, _LogsIn):
    pass


def remote_class(factory: object) -> type[Remote]:
    """What stands for a machine of this factory: a class shows its abilities before it is built."""
    takes, logs_in = hasattr(factory, "take"), hasattr(factory, "begin")
    return {(False, False): Remote, (True, False): _Takes, (False, True): _LogsIn}.get(
        (takes, logs_in), _DoesBoth
    )


def named_credentials(settings: Message, known: Mapping[str, Credential]) -> dict[str, Credential]:
    """Those that the machine's settings name; its process is handed no others."""
    named = {value for value in settings.values() if isinstance(value, str)}
    return {name: one for name, one in known.items() if name in named}
