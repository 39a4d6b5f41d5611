"""The core's own machine, `agent`: whether the one that watches is itself well."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from agent.model import Machine, Report

NAME = "agent"
LAG_LIMIT_MS = 500.0
VALID_FOR = timedelta(seconds=30)

LOW_BYTES = 256 * 1024 * 1024
LOW_SHARE = 0.02
"""A disk is nearly full with less than both of these left: a small one may be used to its share."""

MACHINE = Machine(
    name=NAME,
    kind="agent",
    role="agent",
    states=frozenset({"WELL", "DEGRADED"}),
    reasons=frozenset(
        {
            "NOMINAL",
            "NETWORK",
            "STORE",
            "SHARED_STORE",
            "CLOCK",
            "DISK",
            "CONFIGURATION",
            "LOOP_LAG",
            "PLUGIN_ERROR",
            "NOTIFIER_FAILING",
            "NOTIFIER_IMPAIRED",
            "CREDENTIAL",
            "DEADMAN",
        }
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """The bytes that are free for us on a disk, and all that it has."""

    free: int
    whole: int

    @property
    def is_low(self) -> bool:
        return self.free < min(LOW_BYTES, self.whole * LOW_SHARE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the agent knows of itself; each mapping has the name of the failing part and why."""

    network_error: str | None = None
    store_error: str | None = None
    sharing_error: str | None = None
    clock_error: str | None = None
    room: Room | None = None
    """On the disk of the data folder."""
    configuration_error: str | None = None
    waiting: tuple[str, ...] = ()
    """The keys of the configuration that only the next start takes up."""
    plugin_errors: Mapping[str, str] = field(default_factory=dict)
    notifier_errors: Mapping[str, str] = field(default_factory=dict)
    notifier_remarks: Mapping[str, str] = field(default_factory=dict)
    """Of notifiers that deliver, though not as they should."""
    credential_troubles: Mapping[str, str] = field(default_factory=dict)
    loop_lag_ms: float = 0.0
    deadman_error: str | None = None
    held_up: str | None = None
    """What held up the event loop a short while ago, where it was no plugin."""


def self_report(facts: Facts, measures: Mapping[str, float], now: datetime) -> Report:
    """The agent's report of itself; the gravest trouble names it, and the message has them all."""
    unread = facts.configuration_error
    troubles = [
        *_footing(facts),
        *([("CONFIGURATION", f"the configuration is not taken up: {unread}")] if unread else []),
        *(("CREDENTIAL", f"credential {name}: {why}") for name, why in facts.credential_troubles.items()),
        *(("PLUGIN_ERROR", f"plugin {name}: {why}") for name, why in facts.plugin_errors.items()),
        *(("NOTIFIER_FAILING", f"notifier {name}: {why}") for name, why in facts.notifier_errors.items()),
        *(("NOTIFIER_IMPAIRED", f"notifier {name}: {why}") for name, why in facts.notifier_remarks.items()),
    ]
    if facts.deadman_error is not None:
        troubles.append(("DEADMAN", f"pings to the dead-man switch do not arrive: {facts.deadman_error}"))
    if facts.held_up is not None:
        troubles.append(("LOOP_LAG", f"the agent {facts.held_up}"))
    elif facts.loop_lag_ms > LAG_LIMIT_MS:
        troubles.append(("LOOP_LAG", f"the event loop was held up for {facts.loop_lag_ms:.0f} ms"))
    return Report(
        state="DEGRADED" if troubles else "WELL",
        reason=troubles[0][0] if troubles else "NOMINAL",
        message="; ".join(why for _, why in troubles)[:500] or _well(facts),
        observed_at=now,
        valid_for=VALID_FOR,
        measures=measures,
        attributes={"waiting_for_restart": list(facts.waiting)} if facts.waiting else {},
    )


def _footing(facts: Facts) -> Iterator[tuple[str, str]]:
    """The troubles of what the agent stands on; a lost network is named first, as it explains others."""
    if facts.network_error:
        yield "NETWORK", f"this machine has lost its network: {facts.network_error}"
    if facts.store_error:
        yield "STORE", facts.store_error
    if facts.sharing_error:
        yield "SHARED_STORE", f"the store that agents share is not there: {facts.sharing_error}"
    if facts.clock_error:
        yield "CLOCK", facts.clock_error
    if facts.room is not None and facts.room.is_low:
        yield "DISK", f"the disk of the data folder is nearly full: {facts.room.free // 1024**2} MiB are left"


def _well(facts: Facts) -> str:
    waiting = f"; the next start takes up {', '.join(facts.waiting)}" if facts.waiting else ""
    return f"All parts of the agent are well{waiting}"
