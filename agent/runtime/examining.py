"""Looks whether a configuration would work, with no agent around it: nothing is run, told or changed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from agent import __version__
from agent.abilities import Reachable, Surroundings
from agent.clock import Clock, SystemClock
from agent.config.blueprint import Blueprint
from agent.errors import AgentError, ConfigError, PluginError
from agent.model import Report
from agent.runtime.context import Services
from agent.runtime.credentials import CredentialService
from agent.runtime.mounting import build_notifier, mount
from agent.runtime.outbound import Outbound
from agent.runtime.redaction import Redactor
from agent.store.journal import Entry
from agent.text import plain

PATIENCE_S = 20.0
NO_DRIVER = (
    'agents that share PostgreSQL need psycopg, which is not installed; pip install "openbell[postgres]"'
)
SIMULATED = "not asked: the simulated broker comes with the agent"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found about one part: its key in the file, and one line; a fault has a place."""

    key: tuple[str, str]
    text: str
    is_fault: bool = False


class Unkept:
    """A store that keeps nothing."""

    def append(self, entry: Entry) -> None:
        if entry.written is not None:
            entry.written(None)

    def value(self, key: str) -> str | None:
        return None

    def values_under(self, prefix: str) -> dict[str, str]:
        return {}

    def get(self, key: str) -> str | None:
        return None

    def put(self, key: str, value: str) -> None:
        pass


async def examine(blueprint: Blueprint, *, live: bool = False) -> list[Finding]:
    """Read every credential and, if `live`, ask all that can be asked whether it answers.

    Raises `ConfigError`, a line each, where a machine or a notifier cannot be built, or the shared
    store's address cannot be read.
    """
    if blueprint.settings.store.url is not None:
        _read_address(blueprint)
    async with _prepared(blueprint) as (service, services):
        built = _build(blueprint, services)
        await service.start()
        findings = [*_credentials(service)]
        if live:
            simulated = blueprint.settings.environment == "simulated"
            asked = {key: one for key, one in built.items() if isinstance(one, Reachable)}
            findings += await asyncio.gather(
                *(
                    _reach(key, one, services.clock, spared=simulated and key[0] == "machines")
                    for key, one in asked.items()
                )
            )
        if live and blueprint.settings.store.url is not None:
            findings.append(await _store(blueprint, services.clock))
        clean = Redactor(blueprint.secrets | service.values()).clean
        return [replace(one, text=clean(one.text)) for one in findings]


@asynccontextmanager
async def _prepared(blueprint: Blueprint) -> AsyncIterator[tuple[CredentialService, Services]]:
    clock, server = SystemClock(), blueprint.settings.server
    outbound = Outbound(f"openbell/{__version__}")
    service = CredentialService(
        blueprint.settings.credentials, clock=clock, store=Unkept(), folder=blueprint.path.parent
    )
    surroundings = Surroundings(
        blueprint.settings.name,
        blueprint.data_folder,
        server.url or f"http://{server.host}:{server.port}",
        folder=blueprint.path.parent,
    )
    try:
        yield (
            service,
            Services(
                clock=clock,
                surroundings=surroundings,
                outbound=outbound,
                journal=Unkept(),
                credentials=service.credentials,
            ),
        )
    finally:
        await outbound.close()


def _build(blueprint: Blueprint, services: Services) -> dict[tuple[str, str], object]:
    """Every machine and notifier, by its key."""
    built: dict[tuple[str, str], object] = {}
    faults: list[str] = []
    for plan in blueprint.machines:
        name = plan.machine.name
        mounted = mount(plan, services, pools={}, deliver=_drop, wishes={name: lambda: None})
        built["machines", name] = mounted.subject
        if mounted.error is not None:
            faults.append(f"{blueprint.place('machines', name)}: it cannot be built: {mounted.error}")
    for one in blueprint.notifiers:
        try:
            built["notifiers", one.name] = build_notifier(one, services)
        except PluginError as error:
            faults.append(f"{blueprint.place('notifiers', one.name)}: it cannot be built: {error}")
    if faults:
        raise ConfigError("\n".join(faults))
    return built


def _drop(name: str, report: Report) -> None:
    """What a machine reports while it is looked at is nobody's news."""


def _credentials(service: CredentialService) -> Iterator[Finding]:
    for name, credential in service.credentials.items():
        state, key = credential.state.value, ("credentials", name)
        if name in service.exposed:
            yield Finding(key, service.exposed[name], is_fault=True)
        if state.trouble:
            yield Finding(key, state.trouble, is_fault=True)
        elif state.secret is None:
            yield Finding(key, "there is no token yet: log in")
        else:
            yield Finding(key, "there is a token")


def _read_address(blueprint: Blueprint) -> None:
    """Raises `ConfigError` for what keeps the agent from starting whether the store answers or not."""
    try:
        from agent.runtime.sharing.examining import address_of

        address_of(blueprint)
    except ImportError as error:
        if error.name is None or not error.name.startswith("psycopg"):
            raise
        raise ConfigError(f"{blueprint.place('store', 'url')}: {NO_DRIVER}") from None
    except AgentError as error:
        raise ConfigError(f"{blueprint.place('store', 'url')}: {error}") from None


async def _store(blueprint: Blueprint, clock: Clock) -> Finding:
    """Whether the shared store would take this agent in."""
    key = ("store", "url")
    try:
        from agent.runtime.sharing.examining import look_at_store

        async with clock.timeout(PATIENCE_S):
            return Finding(key, await look_at_store(blueprint))
    except AgentError as error:
        return Finding(key, plain(str(error)), is_fault=True)
    except TimeoutError:
        return Finding(key, f"no answer within {PATIENCE_S:g} s", is_fault=True)


async def _reach(key: tuple[str, str], one: Reachable, clock: Clock, *, spared: bool) -> Finding:
    if spared:
        return Finding(key, SIMULATED)
    try:
        async with clock.timeout(PATIENCE_S):
            return Finding(key, plain(await one.reach()))
    except AgentError as error:
        return Finding(key, plain(str(error)), is_fault=True)
    except TimeoutError:
        return Finding(key, f"no answer within {PATIENCE_S:g} s", is_fault=True)
    except (Exception, SystemExit) as error:
        logging.getLogger(__name__).debug("%s.%s cannot be asked", *key, exc_info=error)
        return Finding(key, f"a defect of its plugin: {type(error).__name__}", is_fault=True)
