"""Brings plugins in: lists what is installed, imports what is named, keeps what each one offers."""

from __future__ import annotations

import importlib
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pluggy
from pydantic import BaseModel

from agent import hookspecs
from agent.abilities import Observer, RouteAnswer, RouteRequest
from agent.errors import PluginError
from agent.fence import called, in_words

if TYPE_CHECKING:
    import click

BUILT_IN = {
    "market": "plugins.market",
    "auth": "plugins.auth",
    "feed": "plugins.feed",
    "notifiers": "plugins.notifiers",
}
"""The built-in plugins by name; they come in by the same door as any other."""

METHODS = ("GET", "POST", "PUT", "DELETE")
SCOPES = ("public", "read", "control", "push")
"""What a plugin's route may ask of its caller."""

_PATH = re.compile(r"(/([a-z0-9][a-z0-9._-]*|\{[a-z][a-z0-9_]*\}))*", re.IGNORECASE)

Vet = Callable[[Mapping[str, object]], object]

RESERVED_KINDS = frozenset({"agent"})


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineKind:
    """A kind of state machine that a plugin offers."""

    kind: str
    plugin: str
    factory: Callable[..., object]
    settings: type[BaseModel]
    role: str
    states: frozenset[str]
    reasons: frozenset[str]
    actions: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifierKind:
    """A kind of notifier that a plugin offers."""

    kind: str
    plugin: str
    factory: Callable[..., Any]
    settings: type[BaseModel]


@dataclass(frozen=True, slots=True)
class OfferedRule:
    """A rule that comes with a plugin, and its place in the table."""

    rule: Mapping[str, object]
    before: str | None
    after: str | None
    plugin: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedRoute:
    """An address of a plugin's own; `path` begins with `/plugins/NAME`."""

    plugin: str
    method: str
    path: str
    handler: Callable[[RouteRequest], Awaitable[RouteAnswer]]
    scope: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """An installed plugin as it is listed: `loaded`, `available` (not named) or `failed`.

    `origin` is the distribution that it came with, `location` the file it is loaded from.
    """

    name: str
    state: str
    origin: str
    version: str | None = None
    error: str | None = None
    location: str | None = None


@dataclass
class _Offers:
    """What one plugin registers; kept only if all of its hooks went well. `vet` refuses what is no rule."""

    plugin: str
    vet: Vet
    machines: dict[str, MachineKind] = field(default_factory=dict)
    notifiers: dict[str, NotifierKind] = field(default_factory=dict)
    rules: list[OfferedRule] = field(default_factory=list)
    routes: dict[tuple[str, str], OfferedRoute] = field(default_factory=dict)
    observers: dict[str, Observer] = field(default_factory=dict)
    commands: list[click.Command] = field(default_factory=list)

    def machine(
        self,
        kind: str,
        factory: Callable[..., object],
        *,
        settings: type[BaseModel],
        role: str,
        states: Iterable[str],
        reasons: Iterable[str],
        actions: Iterable[str] = (),
    ) -> None:
        if kind in RESERVED_KINDS:
            raise PluginError(f"the kind {kind!r} is the core's own")
        self.machines[kind] = MachineKind(
            kind=kind,
            plugin=self.plugin,
            factory=factory,
            settings=settings,
            role=role,
            states=frozenset(map(str, states)),
            reasons=frozenset(map(str, reasons)),
            actions=frozenset(map(str, actions)),
        )

    def notifier(self, kind: str, factory: Callable[..., Any], *, settings: type[BaseModel]) -> None:
        self.notifiers[kind] = NotifierKind(kind=kind, plugin=self.plugin, factory=factory, settings=settings)

    def rule(
        self, rule: Mapping[str, object], *, before: str | None = None, after: str | None = None
    ) -> None:
        self.vet(rule)
        self.rules.append(OfferedRule(dict(rule), before, after, self.plugin))

    def route(
        self,
        method: str,
        path: str,
        handler: Callable[[RouteRequest], Awaitable[RouteAnswer]],
        *,
        scope: str = "read",
    ) -> None:
        if method not in METHODS or scope not in SCOPES or not _PATH.fullmatch(path):
            raise PluginError(
                f"the route {method!r} {path!r} ({scope!r}): expected a method of {', '.join(METHODS)}, "
                f'a path such as "/orders/{{id}}", and a scope of {", ".join(SCOPES)}'
            )
        if (method, path) in self.routes:
            raise PluginError(f"the route {method} {path} is offered twice")
        self.routes[method, path] = OfferedRoute(
            plugin=self.plugin,
            method=method,
            path=f"/plugins/{self.plugin}{path}",
            handler=handler,
            scope=scope,
        )

    def observer(self, name: str, observer: Observer) -> None:
        self.observers[f"{self.plugin}.{name}"] = observer

    def command(self, command: click.Command) -> None:
        self.commands.append(command)


class Registry:
    """All that the loaded plugins offer, and the list of those installed."""

    def __init__(self, vet: Vet = dict) -> None:
        self._vet = vet
        self.machines: dict[str, MachineKind] = {}
        self.notifiers: dict[str, NotifierKind] = {}
        self.rules: list[OfferedRule] = []
        self.routes: list[OfferedRoute] = []
        self.observers: dict[str, Observer] = {}
        self.commands: dict[str, click.Command] = {}
        self.plugins: dict[str, Installed] = {}
        self.packages: dict[str, str] = {}
        """The package that each plugin's code is in, to know it by in a stack."""
        self._pluggy = pluggy.PluginManager(hookspecs.PROJECT)
        self._pluggy.add_hookspecs(hookspecs)

    def load(
        self,
        name: str,
        load: Callable[[], object],
        *,
        origin: str,
        version: str | None,
        location: str | None = None,
    ) -> None:
        """Import one plugin and call its hooks; what goes wrong is its own, and listed."""
        error = None
        try:
            self._take(called(lambda: self._call_hooks(name, load())))
        except Exception as problem:  # noqa: BLE001 - the fence around a plugin's import and hooks
            error = in_words(problem)
            if self._pluggy.has_plugin(name):
                self._pluggy.unregister(name=name)
        self.plugins[name] = Installed(
            name=name,
            state="loaded" if error is None else "failed",
            origin=origin,
            version=version,
            error=error,
            location=location,
        )

    def _call_hooks(self, name: str, plugin: object) -> _Offers:
        others = self._pluggy.get_plugins()
        self._pluggy.register(plugin, name)
        self._refuse_unknown_hooks(plugin)
        _refuse_other_api(plugin)
        offers = _Offers(name, self._vet)
        for hook, register in (
            ("openbell_state_machines", offers.machine),
            ("openbell_notifiers", offers.notifier),
            ("openbell_rules", offers.rule),
            ("openbell_routes", offers.route),
            ("openbell_observers", offers.observer),
            ("openbell_commands", offers.command),
        ):
            self._pluggy.subset_hook_caller(hook, others)(register=register)
        return offers

    def _refuse_unknown_hooks(self, plugin: object) -> None:
        for hook in self._pluggy.get_hookcallers(plugin) or []:
            if hook.spec is None:
                raise PluginError(f"there is no hook {hook.name!r}")

    def _take(self, offers: _Offers) -> None:
        for kind in offers.machines.keys() & self.machines.keys():
            raise PluginError(f"the machine kind {kind!r} is {self.machines[kind].plugin}'s already")
        for kind in offers.notifiers.keys() & self.notifiers.keys():
            raise PluginError(f"the notifier kind {kind!r} is {self.notifiers[kind].plugin}'s already")
        self.machines |= offers.machines
        self.notifiers |= offers.notifiers
        self.rules += offers.rules
        self.routes += offers.routes.values()
        self.observers |= offers.observers
        for command in offers.commands:
            self.commands.setdefault(command.name or "", command)


def load_plugins(enable: Sequence[str] = (), refused: str | None = None, *, vet: Vet = dict) -> Registry:
    """Load the built-in plugins and the installed ones that `enable` names; list all the others.

    A name that is not installed is listed as failed, like a plugin that cannot be imported, and
    like each installed one where `refused` says why none is to be imported. `vet` raises for a rule that is
    none; it costs its plugin.
    """
    registry = Registry(vet)
    for name, module in BUILT_IN.items():
        registry.packages[name] = module
        registry.load(name, lambda m=module: importlib.import_module(m), origin="built in", version=None)  # type: ignore[misc]
    strangers = {point.name: point for point in _strangers()}
    for name in enable:
        if name in strangers:
            point = strangers[name]
            if refused is not None:
                registry.plugins[name] = _refused(point, refused)
                continue
            registry.packages[name] = point.module.partition(".")[0]
            registry.load(
                name, point.load, origin=_origin(point), version=_version(point), location=_location(point)
            )
        elif name not in BUILT_IN:
            known = ", ".join(sorted(strangers)) or "none"
            registry.plugins[name] = Installed(
                name=name,
                state="failed",
                origin="not installed",
                error=f"no installed package offers the plugin {name!r} (installed: {known})",
            )
    for name, point in strangers.items():
        if name not in registry.plugins:
            registry.plugins[name] = Installed(
                name=name,
                state="available",
                origin=_origin(point),
                version=_version(point),
                location=_location(point),
            )
    return registry


def _refused(point: EntryPoint, why: str) -> Installed:
    return Installed(
        name=point.name, state="failed", origin=_origin(point), version=_version(point), error=why
    )


def load_plugin(name: str) -> Registry:
    """Load one plugin alone. Raises `PluginError` when it cannot be loaded."""
    registry = Registry()
    if name in BUILT_IN:
        registry.load(name, lambda: importlib.import_module(BUILT_IN[name]), origin="built in", version=None)
    for point in _strangers():
        if point.name == name:
            registry.load(name, point.load, origin=_origin(point), version=_version(point))
    listed = registry.plugins.get(name)
    if listed is None or listed.error is not None:
        raise PluginError(f"the plugin {name}: {listed.error if listed else 'it is not installed'}")
    return registry


def _strangers() -> list[EntryPoint]:
    """The installed entry points but our own; a built-in plugin's name cannot be taken."""
    return [point for point in entry_points(group=hookspecs.PROJECT) if point.name not in BUILT_IN]


def _refuse_other_api(plugin: object) -> None:
    wanted = getattr(plugin, "openbell_api", hookspecs.API)
    if wanted != hookspecs.API:
        raise PluginError(
            f"openbell_api = {wanted!r}: this openbell has version {hookspecs.API} of agent.api; install a "
            "release of the plugin that is made for it, or another openbell"
        )


def _location(point: EntryPoint) -> str | None:
    """The file of the plugin's outermost package, found without importing it."""
    try:
        found = find_spec(point.module.partition(".")[0])
    except (ImportError, ValueError):
        return None
    return found.origin if found is not None else None


def _origin(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.value


def _version(point: EntryPoint) -> str | None:
    return point.dist.version if point.dist is not None else None
