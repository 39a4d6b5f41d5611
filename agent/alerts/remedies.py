"""When a remedy is applied to a problem: after a time, so often an hour, never twice at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """One `[[remedy]]`: a machine's action, or a command.

    `group` is the one that it is for; `None` is any. `after` is how long the problem must last,
    and how long an attempt is given to help before the next.
    """

    id: str
    rule: str
    group: str | None
    after: timedelta
    at_most: int
    timeout: timedelta
    machine: str | None = None
    action: str | None = None
    command: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """What is done, in short; a command's arguments may hold what is nobody's business."""
        return f"{self.machine}/{self.action}" if self.machine is not None else self.command[0]


@dataclass(frozen=True, slots=True)
class Trouble:
    """A problem that counts: active, and explained by no other."""

    rule: str
    group: str | None
    since: datetime


@dataclass(frozen=True, slots=True)
class Runs:
    """The attempts of one remedy: when each began, when the last ended, whether one is under way."""

    began: tuple[datetime, ...] = ()
    ended_at: datetime | None = None
    running: bool = False


class Why(StrEnum):
    """Why a remedy is applied now, or is not."""

    DUE = "DUE"
    NO_PROBLEM = "NO_PROBLEM"
    RUNNING = "RUNNING"
    TOO_SOON = "TOO_SOON"
    OFTEN_ENOUGH = "OFTEN_ENOUGH"


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do about one remedy; `at` is when to ask again if nothing happens before."""

    why: Why
    trouble: Trouble | None = None
    at: datetime | None = None


def decide(remedy: Remedy, troubles: Iterable[Trouble], runs: Runs, now: datetime) -> Decision:
    """Whether a remedy is due; of several problems, for the one that has lasted longest."""
    ours = [t for t in troubles if t.rule == remedy.rule and remedy.group in (None, t.group)]
    if not ours:
        return Decision(Why.NO_PROBLEM)
    oldest = min(ours, key=lambda trouble: trouble.since)
    if runs.running:
        return Decision(Why.RUNNING, oldest)
    since = oldest.since if runs.ended_at is None else max(oldest.since, runs.ended_at)
    if now < since + remedy.after:
        return Decision(Why.TOO_SOON, oldest, since + remedy.after)
    recent = sorted(began for began in runs.began if began > now - HOUR)
    if len(recent) >= remedy.at_most:
        return Decision(Why.OFTEN_ENOUGH, oldest, recent[-remedy.at_most] + HOUR)
    return Decision(Why.DUE, oldest)


def begin(runs: Runs, now: datetime) -> Runs:
    """An attempt begins; those of more than an hour ago are forgotten."""
    recent = tuple(began for began in runs.began if began > now - HOUR)
    return Runs((*recent, now), runs.ended_at, running=True)


def end(runs: Runs, now: datetime) -> Runs:
    return Runs(runs.began, now)


def shift(runs: Runs, step: timedelta) -> Runs:
    """The attempts after the wall clock was set by `step`: their ages stay."""
    ended_at = runs.ended_at + step if runs.ended_at is not None else None
    return Runs(tuple(began + step for began in runs.began), ended_at, runs.running)
