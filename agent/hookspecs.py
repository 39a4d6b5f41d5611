"""The door for plugins: hooks that only register, called once at start, one plugin at a time.

A hook must not block, read files or open connections. What it raises costs that plugin
alone: the plugin is listed as failed in the health document, and all that it registered is
dropped. A plugin may say beside its hooks which version of `agent.api` it needs, as in
`openbell_api = 1`; another one refuses it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import pluggy
from pydantic import BaseModel

from agent.abilities import Context, Notifier, NotifierContext, Observer, RouteAnswer, RouteRequest

if TYPE_CHECKING:
    import click

PROJECT = "openbell"
"""The pluggy project and the entry-point group."""

API = 1
"""Counts the incompatible changes of `agent.api` and of the hooks."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class RegisterMachine(Protocol):
    def __call__(
        self,
        kind: str,
        factory: Callable[[Any, Context], object],
        *,
        settings: type[BaseModel],
        role: str,
        states: Iterable[str],
        reasons: Iterable[str],
        actions: Iterable[str] = (),
    ) -> None: ...


class RegisterNotifier(Protocol):
    def __call__(
        self,
        kind: str,
        factory: Callable[[Any, NotifierContext], Notifier],
        *,
        settings: type[BaseModel],
    ) -> None: ...


class RegisterRule(Protocol):
    def __call__(
        self,
        rule: Mapping[str, object],
        *,
        before: str | None = None,
        after: str | None = None,
    ) -> None: ...


class RegisterRoute(Protocol):
    def __call__(
        self,
        method: str,
        path: str,
        handler: Callable[[RouteRequest], Awaitable[RouteAnswer]],
        *,
        scope: str = "read",
    ) -> None: ...


class RegisterObserver(Protocol):
    def __call__(self, name: str, observer: Observer) -> None: ...


class RegisterCommand(Protocol):
    def __call__(self, command: click.Command) -> None: ...


@hookspec
def openbell_state_machines(register: RegisterMachine) -> None:
    """Offer kinds of state machines.

    Called once. `factory(settings, context)` builds one machine for each table
    `[machines.NAME]` with this `kind`; it is called on the event loop when the agent starts, when
    the configuration changes, maybe while a former machine of that name still runs, and by
    `openbell check`. It must not block, and what it builds does nothing until it is run or probed.
    `states` and `reasons` are all that a report may carry, beside `UNKNOWN`. `actions` are the
    words that `act` takes.
    """


@hookspec
def openbell_notifiers(register: RegisterNotifier) -> None:
    """Offer kinds of notifiers.

    Called once. `factory(settings, context)` builds one notifier for each table
    `[notifiers.NAME]` with this `kind`.
    """


@hookspec
def openbell_rules(register: RegisterRule) -> None:
    """Offer rules that come with the plugin.

    Called once. `rule` has the keys of a `[[rule]]` table. It is placed before or after the
    rule with the given id, or, with neither, before the first rule of severity `ok`.
    """


@hookspec
def openbell_routes(register: RegisterRoute) -> None:
    """Offer addresses of the plugin's own, below `/plugins/NAME`.

    Called once. `handler` is called for each request that has the `scope`, on the event loop,
    and has 10 s. What it raises is answered for it: an `ActionError` with its text and 409, any
    other with 502.
    """


@hookspec
def openbell_observers(register: RegisterObserver) -> None:
    """Offer observers of the published documents.

    Called once. Each observer has a queue of its own that keeps only the latest document, so
    that a slow one misses some and holds up nobody.
    """


@hookspec
def openbell_commands(register: RegisterCommand) -> None:
    """Offer commands for the `openbell` program.

    Called once, when a command is looked for. Import what is heavy inside the command.
    """
