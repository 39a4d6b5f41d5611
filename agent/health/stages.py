"""The stages of a problem, and what of them is remembered from one evaluation to the next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from agent.health.rules import Key, Scope


class Stage(StrEnum):
    """How far a problem has come."""

    PENDING = "pending"
    ACTIVE = "active"
    CLEARING = "clearing"


@dataclass(frozen=True, slots=True)
class Held:
    """What is remembered of a problem between two evaluations."""

    stage: Stage
    since: datetime
    stage_since: datetime

    @property
    def is_on(self) -> bool:
        """Whether it counts: it has come further than pending."""
        return self.stage is not Stage.PENDING


@dataclass(frozen=True, slots=True)
class Memory:
    """All that an evaluation remembers of the former ones.

    `ended` has the instants at which suppressing problems ended, while that still matters.
    `matched` are the conditions that held, and `turns` when they last came or went.
    `lead` is the problem that named the answer. Up to `looked_at` deadlines were looked at: not while
    the agent starts, nor while it is away.
    `at` is the instant of this memory and `former` what was remembered before that instant:
    further evaluations at it start from there, so that the order in which reports of one
    instant come in changes nothing.
    """

    started_at: datetime
    held: Mapping[Key, Held] = field(default_factory=dict)
    ended: Mapping[Key, datetime] = field(default_factory=dict)
    matched: frozenset[Key] = frozenset()
    turns: Mapping[Key, tuple[datetime, ...]] = field(default_factory=dict)
    lead: Key | None = None
    looked_at: datetime | None = None
    at: datetime | None = None
    former: Memory | None = None

    def before(self, now: datetime) -> Memory:
        """What was remembered before `now`."""
        return self.former if self.at == now and self.former is not None else self


def advance(
    scope: Scope,
    matches: bool | None,
    held: Held | None,
    *,
    patience: timedelta,
    flaps: bool,
    now: datetime,
) -> Held | None:
    """The problem's next stage, `None` when there is none.

    Where `matches` is `None`, it cannot be known, and the stage stays as it is: silence neither
    raises a problem nor clears one. `patience` is how long it waits beyond its `for`. One that
    flaps is active, whether its condition holds at this moment or not.
    """
    if matches is None:
        return held
    if matches:
        held = held or Held(Stage.PENDING, now, now)
        due = held.since + scope.rule.hold_for + patience
        begins = held.stage is Stage.CLEARING or (held.stage is Stage.PENDING and (flaps or now >= due))
        return replace(held, stage=Stage.ACTIVE, stage_since=now) if begins else held
    if held is None or held.stage is Stage.PENDING:
        return None
    if flaps:
        return held if held.stage is Stage.ACTIVE else replace(held, stage=Stage.ACTIVE, stage_since=now)
    if held.stage is Stage.ACTIVE:
        held = replace(held, stage=Stage.CLEARING, stage_since=now)
    return held if now < held.stage_since + scope.rule.clear_for else None


def endings(
    scopes: Iterable[Scope], memory: Memory, held: Mapping[Key, Held], now: datetime
) -> dict[Key, datetime]:
    """When the suppressing problems ended whose `suppress_extend` still runs."""
    ended = {}
    for scope in scopes:
        if not scope.rule.suppress_extend or scope.key in held:
            continue
        before = memory.held.get(scope.key)
        was_on = before is not None and before.is_on
        at = now if was_on else memory.ended.get(scope.key)
        if at is not None and now < at + scope.rule.suppress_extend:
            ended[scope.key] = at
    return ended


def renewed(
    scopes: Iterable[Scope], ended: Mapping[Key, datetime], held: Mapping[Key, Held], now: datetime
) -> dict[Key, datetime]:
    """The endings as a new run takes them up: a `suppress_extend` that ran begins anew, because it
    gives time to come back, and the agent itself was away.

    One after whose beginning a problem came up that it did not explain stays as it was. Begun anew
    it would hide that problem, and people would be told that it is over.
    """
    on = [scope for scope in scopes if scope.key in held and held[scope.key].is_on]
    own = {
        key
        for scope in on
        for key, _ in scope.suppressors
        if key in ended and held[scope.key].since > ended[key]
    }
    return {key: at if key in own else now for key, at in ended.items()}


def suppressors(
    scope: Scope, held: Mapping[Key, Held], ended: Mapping[Key, datetime], now: datetime
) -> tuple[str, ...]:
    """The rules whose problems explain this one.

    A problem that has ended explains, for its `suppress_extend`, what began before its end; what
    begins afterwards is a matter of its own.
    """
    own = held[scope.key]
    found = []
    for key, extend in scope.suppressors:
        other = held.get(key)
        is_on = other is not None and other.is_on
        lingers = key in ended and own.since <= ended[key] and now < ended[key] + extend
        if is_on or lingers:
            found.append(key[0])
    return tuple(dict.fromkeys(found))


def shift(memory: Memory, step: timedelta) -> Memory:
    """The memory after the wall clock was set by `step`: its instants move, its ages stay.

    What came due in a step forward nobody has looked at: the machine slept, or its clock was behind.
    """
    return Memory(
        started_at=memory.started_at + step,
        held={
            key: Held(held.stage, held.since + step, held.stage_since + step)
            for key, held in memory.held.items()
        },
        ended={key: at + step for key, at in memory.ended.items()},
        matched=memory.matched,
        turns={key: tuple(at + step for at in turns) for key, turns in memory.turns.items()},
        lead=memory.lead,
        looked_at=memory.looked_at + min(step, timedelta(0)) if memory.looked_at is not None else None,
        at=memory.at + step if memory.at is not None else None,
    )
