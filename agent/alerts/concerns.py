"""What there is to tell at one instant: the problems, in their order, and the calm behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from agent.alerts.recovery import Standing
from agent.model import Action, Json, Severity

Key = tuple[str, str | None]
"""A rule and a group: at most one problem each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Concern:
    """One problem as far as telling it goes.

    `is_clearing` says that it is on the way out, `is_suppressed` that another problem explains it,
    `is_silenced` that people asked for quiet. `session` are the state and the reason of its market.
    `machines` are all that it is found by.
    """

    rule: str
    group: str | None
    code: str
    severity: Severity
    message: str
    since: datetime
    machine: str | None = None
    machines: frozenset[str] = frozenset()
    session: frozenset[str] = frozenset()
    action: Action | None = None
    is_clearing: bool = False
    is_suppressed: bool = False
    is_silenced: bool = False
    is_flapping: bool = False

    @property
    def key(self) -> Key:
        return self.rule, self.group

    @property
    def holds_an_end_back(self) -> bool:
        """Whether it lasts while another explains it: what that other one caused is not over."""
        return (
            self.is_suppressed and not self.is_silenced and not self.is_clearing and self.severity.is_problem
        )


@dataclass(frozen=True, slots=True)
class Watch:
    """What the configuration in force has somebody look at: the machines, and the problems looked for."""

    machines: frozenset[str]
    problems: frozenset[Key]

    def lacks(self, rule: str | None, group: str | None, machines: frozenset[str]) -> str | None:
        """What is not there of that which found a problem, in words; `None` where nothing is missing."""
        if gone := sorted(machines - self.machines):
            return f"no machine {' or '.join(gone)}"
        if rule is not None and (rule, group) not in self.problems:
            return f"no rule {rule}"
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One instant. `code` to `since` are the document's own.

    `concerns` come in the order of the rule table, without those that have not lasted long enough
    and are explained by none.
    `standings` are the states of the machines that people mend. `watch` is `None` where all that
    was ever told of is still looked at.
    """

    concerns: tuple[Concern, ...]
    code: str
    severity: Severity
    message: str
    since: datetime
    standings: tuple[Standing, ...] = ()
    machines: tuple[Mapping[str, str], ...] = ()
    summary: Mapping[str, Json] | None = None
    watch: Watch | None = None

    def began(self, concern: Concern) -> datetime:
        """The first sign of what a problem's code stands for in its group; several rules may share it."""
        return min(
            one.since for one in self.concerns if (one.code, one.group) == (concern.code, concern.group)
        )

    @property
    def groups(self) -> tuple[str | None, ...]:
        """The groups that have a problem, in order, each once."""
        return tuple(dict.fromkeys(concern.group for concern in self.concerns))
