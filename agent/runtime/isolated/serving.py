"""Does in the machine's process what the agent asks for: each call a task, which the agent may cancel."""

from __future__ import annotations

import asyncio
import inspect
import resource
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from agent.abilities import Running
from agent.errors import ActionError, LoginError, PluginError
from agent.fence import called, fenced, in_words
from agent.model import Expectation, Report
from agent.registry import load_plugin
from agent.runtime.isolated.handed import HandedContext, credential_state
from agent.runtime.isolated.wire import Message, Wire
from agent.store.rows import report_text

FOLLOW_S = 5.0

KINDS: Mapping[type[Exception], str] = {ActionError: "action", LoginError: "login", PluginError: "plugin"}
"""The errors that come out at the other end as what they are."""


async def serve(end: socket.socket) -> None:
    """From the first message to the end of the conversation."""
    wire = await Wire.over(end)
    hello = await wire.receive()
    if hello is None:
        return
    try:
        server = called(lambda: _build(hello, wire))
    except Exception as error:  # noqa: BLE001 - the fence around a plugin's import and factory
        wire.send(say="unbuilt", text=in_words(error))
        await wire.flush()
        return
    wire.send(say="ready")
    await server.run()


def _build(hello: Message, wire: Wire) -> _Server:
    _limit(hello["memory"])
    sys.path[:] = hello["path"]
    registry = load_plugin(hello["plugin"])
    kind = registry.machines[hello["kind"]]
    context = HandedContext(hello, wire)
    machine = kind.factory(kind.settings.model_validate(hello["settings"]), context)
    return _Server(machine, context, wire)


def _limit(memory: int | None) -> None:
    """No core file, which would hold the secrets; and no more memory than is allowed."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory is not None:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


class _Server:
    def __init__(self, machine: Any, context: HandedContext, wire: Wire) -> None:
        self._machine = machine
        self._context = context
        self._wire = wire
        self._calls: dict[int, asyncio.Task[None]] = {}
        self._do: Mapping[str, Callable[[Message], None]] = {
            "call": self._call,
            "cancel": self._cancel,
            "expect": lambda m: context.expectation.set(Expectation(m["value"])),
            "credential": lambda m: context.credentials[m["name"]].state.set(credential_state(m["state"])),
            "written": lambda m: context.credentials[m["name"]].written(m["error"]),
        }

    async def run(self) -> None:
        """Listen until the agent has gone, or the machine's own task has ended."""
        tasks = [asyncio.ensure_future(self._listen()), asyncio.ensure_future(self._follow_clock())]
        if isinstance(self._machine, Running):
            tasks.append(asyncio.ensure_future(self._run_machine(self._machine)))
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        with suppress(ConnectionError):
            await self._wire.flush()
        for task in [*tasks, *self._calls.values()]:
            task.cancel()
        await self._context.outbound.close()

    async def _listen(self) -> None:
        while message := await self._wire.receive():
            self._do[message["do"]](message)

    async def _run_machine(self, machine: Running) -> None:
        try:
            await fenced(called(machine.run))
        except Exception as error:
            self._context.log.exception("its task failed")
            self._wire.send(say="crashed", text=in_words(error))
        else:
            self._wire.send(say="ended")

    async def _follow_clock(self) -> None:
        while True:
            await self._context.clock.sleep(FOLLOW_S)
            self._context.clock.follow()

    def _call(self, message: Message) -> None:
        number = message["id"]
        task = asyncio.ensure_future(self._answer(number, message["method"], message["arguments"]))
        self._calls[number] = task
        task.add_done_callback(lambda done: self._calls.pop(number, None))

    def _cancel(self, message: Message) -> None:
        task = self._calls.get(message["id"])
        if task is not None:
            task.cancel()

    async def _answer(self, number: int, method: str, arguments: list[Any]) -> None:
        try:
            value = await fenced(self._called(method, arguments))
            text = _report(value) if method == "probe" else value
            self._wire.send(say="answer", id=number, value=text)
        except asyncio.CancelledError:
            self._wire.send(say="error", id=number, kind="cancelled", text="it was cancelled")
        except Exception as error:  # noqa: BLE001 - the fence around a plugin's method
            kind = next((word for one, word in KINDS.items() if isinstance(error, one)), "other")
            text = str(error) if kind != "other" else in_words(error)
            self._wire.send(say="error", id=number, kind=kind, text=text)

    async def _called(self, method: str, arguments: list[Any]) -> Any:
        call: Callable[..., Any] = getattr(self._machine, method)
        if inspect.iscoroutinefunction(call):
            return await call(*arguments)
        return await _to_its_end(asyncio.ensure_future(self._context.threads.run(call, *arguments)))


async def _to_its_end(call: asyncio.Future[Any]) -> Any:
    """Wait for what runs in a thread, cancelled or not: that it has been is said when it is so."""
    while not call.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait([call])
    return call.result()


def _report(value: object) -> str:
    if not isinstance(value, Report):
        raise PluginError(f"expected a Report, got {type(value).__name__}")
    return report_text(value)
