"""Loads `agent.toml`: reads it, fills in secrets, brings in plugins, binds and checks it whole."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr, ValidationError

from agent.config import remedy_table, route_table, rule_table
from agent.config.binding import bound, own_machines, table_of
from agent.config.blueprint import Blueprint, MachinePlan, NotifierPlan
from agent.config.complaints import Missing, complain, suggest
from agent.config.fragments import fingerprint
from agent.config.positions import place as place_of
from agent.config.reading import Document, read
from agent.config.schema import AgentSettings, MachineTable, NotifierTable, RuleTable
from agent.config.secrets import open_files, resolve
from agent.errors import ConfigError, PluginError
from agent.fence import called
from agent.health.rules import MARKET
from agent.model import Machine
from agent.registry import Registry, load_plugins

MIB = 1 << 20


def load(
    path: Path,
    environment: Mapping[str, str] | None = None,
    *,
    overrides: Mapping[tuple[str, ...], Any] | None = None,
    refuse: Callable[[Path], str | None] = lambda folder: None,
) -> Blueprint:
    """The blueprint of a file. Raises `ConfigError` with every problem that was found, a line each.

    `overrides` are values, by their place, that win over the file's. `refuse` says of the data
    folder why no third-party plugin is to be imported, if so.
    """
    seen = fingerprint(path)
    document = read(path)
    values, secrets = resolve(
        document.values,
        environment=os.environ if environment is None else environment,
        folder=path.parent,
        positions=document.positions,
        path=path,
    )
    for place, value in (overrides or {}).items():
        _put(values, place, value)
    settings = _settings(document, values)
    refused = refuse((path.parent / settings.data).resolve())
    registry = load_plugins(settings.plugins.enable, refused, vet=_vet)
    return replace(_Binding(document, settings, registry).blueprint(secrets), fingerprint=seen)


def _vet(rule: Mapping[str, object]) -> None:
    """Raises `PluginError` for what a plugin offers as a rule and is none."""
    try:
        RuleTable.model_validate(rule)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, fault["loc"]))
        raise PluginError(f"its rule {rule.get('id')!r} is none: {where}: {fault['msg']}") from None


def _put(values: dict[str, Any], place: tuple[str, ...], value: Any) -> None:
    for name in place[:-1]:
        values = values.setdefault(name, {})
    values[place[-1]] = value


def _settings(document: Document, values: Mapping[str, Any]) -> AgentSettings:
    try:
        return AgentSettings.model_validate(values)
    except ValidationError as error:
        raise ConfigError("\n".join(complain(error, document, (), AgentSettings))) from None


class _Binding:
    """Binds one file's settings to the kinds that the plugins offer, gathering all complaints."""

    def __init__(self, document: Document, settings: AgentSettings, registry: Registry) -> None:
        self._document = document
        self._settings = settings
        self._registry = registry
        self._complaints: list[str] = []
        self._doubts: list[str] = []

    def blueprint(self, secrets: frozenset[str]) -> Blueprint:
        self._check_plugins()
        machines = [self._machine(name, table) for name, table in self._settings.machines.items()]
        notifiers = [self._notifier(name, table) for name, table in self._settings.notifiers.items()]
        own = [plan.machine for plan in machines]
        self._check_session(own)
        everyone = [*own, *own_machines(self._settings)]
        table = self._rules(everyone)
        deadlines = [rule for one in self._settings.deadline for rule in rule_table.as_deadline_rules(one)]
        ids = [*(rule.id for rule in deadlines), *(rule.id for rule in table)]
        self._check_remedies(ids, everyone)
        self._check_routes(ids, everyone)
        if self._complaints:
            raise ConfigError("\n".join(self._complaints))
        rules, ruleset = bound(self._settings, table, own)
        return Blueprint(
            path=self._document.path,
            settings=self._settings,
            registry=self._registry,
            machines=tuple(machines),
            notifiers=tuple(notifiers),
            rules=rules,
            ruleset=ruleset,
            routes=route_table.as_routes(self._settings.route, list(self._settings.notifiers)),
            remedies=tuple(map(remedy_table.as_remedy, self._settings.remedy)),
            secrets=secrets
            | _secrets_of(self._settings, *(m.settings for m in machines), *(n.settings for n in notifiers)),
            warnings=(
                *self._document.insecure,
                *open_files(self._document.values, self._document.path.parent),
                *self._doubts,
            ),
            positions=self._document.positions,
        )

    def _complain_of_rule(self, place: tuple[str | int, ...], text: str, table: list[Any]) -> None:
        """A rule of the file is named by its line, a plugin's by its id; the default table is good."""
        kind = type(text)  # a name that is missing stays one, in whatever words
        if place[0] != "rule" or not isinstance(place[1], int):
            self._complain(place, text)
            return
        rule, own = table[place[1]], list(self._settings.rule)
        if rule in own:
            self._complain(("rule", own.index(rule), *place[2:]), text)
        elif rule not in rule_table.default_table():
            self._complain(("plugins", "enable"), kind(f"a plugin's rule {rule.id!r}: {text}"))

    def _complain(self, key: tuple[str | int, ...], text: str) -> None:
        """A name that a plugin may bring is no fault of the file's while some plugin is not here."""
        where = place_of(self._document.path, self._document.positions, key)
        is_doubt = isinstance(text, Missing) and self._some_plugin_failed()
        (self._doubts if is_doubt else self._complaints).append(f"{where}: {text}")

    def _check_plugins(self) -> None:
        for name in self._settings.plugins.enable:
            listed = self._registry.plugins.get(name)
            if listed is not None and listed.origin == "not installed":
                text = f"{listed.error}; install it into this environment or take it off the list"
                self._complain(("plugins", "enable"), text)

    def _some_plugin_failed(self) -> bool:
        return any(listed.state == "failed" for listed in self._registry.plugins.values())

    def _machine(self, name: str, table: MachineTable) -> MachinePlan:
        place = ("machines", name)
        kind = self._registry.machines.get(table.kind)
        if name in (own.name for own in own_machines(self._settings)):
            self._complain(place, f'"{name}" is the core\'s own machine; give this one another name')
        if kind is None and not self._some_plugin_failed():
            text = f'"{table.kind}": no loaded plugin offers this kind; '
            self._complain((*place, "kind"), text + suggest(table.kind, sorted(self._registry.machines)))
        machine = Machine(
            name=name,
            kind=table.kind,
            role=kind.role if kind is not None else name,
            group=table.group,
            states=kind.states if kind is not None else frozenset(),
            reasons=kind.reasons if kind is not None else frozenset(),
            actions=kind.actions if kind is not None else frozenset(),
        )
        return MachinePlan(
            machine=machine,
            kind=kind,
            settings=self._own(place, kind.settings, table) if kind is not None else None,
            every=table.every,
            timeout=table.timeout,
            expect=table.expect,
            isolated=table.isolation == "process",
            memory=table.process_memory_mb * MIB if table.process_memory_mb is not None else None,
        )

    def _notifier(self, name: str, table: NotifierTable) -> NotifierPlan:
        place = ("notifiers", name)
        kind = self._registry.notifiers.get(table.kind)
        if kind is None and not self._some_plugin_failed():
            text = f'"{table.kind}": no loaded plugin offers this kind; '
            self._complain((*place, "kind"), text + suggest(table.kind, sorted(self._registry.notifiers)))
        return NotifierPlan(
            name=name,
            kind_name=table.kind,
            kind=kind,
            settings=self._own(place, kind.settings, table) if kind is not None else None,
            timeout=table.timeout,
        )

    def _own(
        self, place: tuple[str, ...], model: type[BaseModel], table: MachineTable | NotifierTable
    ) -> BaseModel | None:
        """The plugin's settings from its part of the table."""
        try:
            settings = called(lambda: model.model_validate(table.own))
        except ValidationError as error:
            self._complaints += complain(error, self._document, place, model, type(table))
            return None
        except Exception as error:  # noqa: BLE001 - a validator is its plugin's code
            kind = type(error.__cause__ or error).__name__  # its text may quote a secret
            self._complain(place, f"its plugin's check, {model.__name__}, is broken: it raised {kind}")
            return None
        wanted = getattr(settings, "credential", None)
        if isinstance(wanted, str) and wanted not in self._settings.credentials:
            known = sorted(self._settings.credentials)
            text = f'"{wanted}": there is no [credentials.{wanted}]; {suggest(wanted, known)}'
            self._complain((*place, "credential"), text)
        return settings

    def _check_session(self, machines: list[Machine]) -> None:
        markets = [machine.name for machine in machines if machine.role == MARKET]
        wanted = self._settings.session
        if wanted is not None and wanted not in markets:
            text = f'"{wanted}" is not a market machine; {suggest(wanted, markets)}'
            is_here = wanted in [machine.name for machine in machines]
            self._complain(("session",), Missing(text) if is_here else text)

    def _rules(self, machines: list[Machine]) -> list[Any]:
        table = table_of(self._settings, self._registry.rules)
        found = rule_table.check(table, machines, self._settings.readiness.require)
        for place, text in found:
            self._complain_of_rule(place, text, table)
        deadlines = self._settings.deadline
        for place, text in rule_table.check_deadlines(deadlines, table, machines):
            self._complain(place, text)
        return table

    def _check_routes(self, rules: list[str], machines: list[Machine]) -> None:
        for place, text in route_table.check(
            self._settings.route, notifiers=self._settings.notifiers, rules=rules, machines=machines
        ):
            self._complain(place, text)

    def _check_remedies(self, rules: list[str], machines: list[Machine]) -> None:
        for place, text in remedy_table.check(self._settings.remedy, rules, machines):
            self._complain(place, text)


def _secrets_of(*models: BaseModel | None) -> frozenset[str]:
    """Every `SecretText` in the settings, for the redactor to know."""
    found: set[str] = set()
    ahead: list[object] = list(models)
    while ahead:
        one = ahead.pop()
        if isinstance(one, SecretStr):
            found.add(one.get_secret_value())
        elif isinstance(one, BaseModel):
            ahead += [getattr(one, name) for name in type(one).model_fields]
        elif isinstance(one, dict):
            ahead += one.values()
        elif isinstance(one, list | tuple | set):
            ahead += one
    return frozenset(found)
