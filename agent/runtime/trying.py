"""Tries one notifier of a configuration by itself, with no agent around it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path

from agent import __version__
from agent.abilities import Surroundings
from agent.alerts import letters as post
from agent.alerts.letters import Letter
from agent.alerts.notices import trial
from agent.clock import SystemClock
from agent.config.blueprint import Blueprint, NotifierPlan
from agent.config.loading import load
from agent.delivery.sender import Sender
from agent.errors import ConfigError
from agent.runtime.context import Services
from agent.runtime.mounting import build_notifier
from agent.runtime.outbound import Outbound
from agent.store.journal import Journal
from agent.text import masked


@dataclass(frozen=True, slots=True)
class Tried:
    """What came back from one receiver."""

    recipient: str | None
    state: str
    receipt: str | None
    error: str | None


async def try_notifier(config: Path, name: str) -> list[Tried]:
    """Send a test notice. Raises `ConfigError` for a name that is not configured, `PluginError`."""
    blueprint = load(config)
    plan = _plan(blueprint, name)
    clock = SystemClock()
    outbound = Outbound(f"openbell/{__version__}")
    try:
        notifier = build_notifier(plan, _services(blueprint, clock, outbound))
        sender = Sender(
            name, plan.kind_name, notifier, clock=clock, timeout=plan.timeout, keep=lambda letter: None
        )
        notice = trial(now=clock.now(), agent=blueprint.settings.name, new_id=uuid.uuid4().hex)
        letters = post.write(notice, sender.addresses, after=0, now=clock.now())
        return [_tried(await sender.attempt(letter)) for letter in letters]
    finally:
        await outbound.close()


def _plan(blueprint: Blueprint, name: str) -> NotifierPlan:
    for plan in blueprint.notifiers:
        if plan.name == name:
            return plan
    known = ", ".join(plan.name for plan in blueprint.notifiers) or "none"
    raise ConfigError(f"{blueprint.path}: notifiers: there is no [notifiers.{name}]; it has: {known}")


def _services(blueprint: Blueprint, clock: SystemClock, outbound: Outbound) -> Services:
    """What a notifier is handed; the journal is named and not opened."""
    server = blueprint.settings.server
    base_url = server.url or f"http://{server.host}:{server.port}"
    return Services(
        clock=clock,
        surroundings=Surroundings(blueprint.settings.name, blueprint.data_folder, base_url),
        outbound=outbound,
        journal=Journal(blueprint.data_folder / "journal.sqlite"),
        credentials={},
    )


def _tried(letter: Letter) -> Tried:
    recipient = letter.address.recipient
    shown = masked(recipient) if recipient is not None else None
    return Tried(shown, str(letter.state), letter.receipt, letter.last_error)
