"""What an evaluation finds: problems, the leading answer, and when to look again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from agent.health.deadlines import Reminder
from agent.health.rules import Key, Rule
from agent.health.stages import Memory, Stage
from agent.model import Action, Severity, Status

STARTING = "STARTING"
"""The code of the first moments, in which some machine has yet to speak."""

NOTHING = "UNKNOWN"
"""The code when no rule leads; a table that ends with the session never gets here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One rule that matched in one group, as people see it."""

    rule: Rule
    group: str | None
    stage: Stage
    since: datetime
    severity: Severity
    message: str
    cause: Status | None
    machines: frozenset[str] = frozenset()
    """All that it is found by: where one of them is gone, nobody can tell that it is over."""
    suppressed_by: tuple[str, ...] = ()
    silenced_by: str | None = None
    is_flapping: bool = False
    session: frozenset[str] = frozenset()
    """The state and the reason of its market."""
    is_aside: bool = False
    """Whether it stands behind the session in the table: it is listed, and never told."""

    def may_lead(self, former: Key | None) -> bool:
        """Whether it may name the document, after `former` did.

        One that is on its way out goes on leading, and does not begin to.
        """
        if self.suppressed_by or self.stage is Stage.PENDING:
            return False
        return self.stage is Stage.ACTIVE or (self.rule.id, self.group) == former

    @property
    def gist(self) -> object:
        """All of it that may make a difference to what people are told."""
        return (
            (self.rule.id, self.group, self.stage, self.severity, self.since, self.session),
            (self.cause.machine.name if self.cause is not None else None, self.machines),
            (bool(self.suppressed_by), bool(self.silenced_by), self.is_flapping, self.is_aside),
        )

    @property
    def phase(self) -> str:
        """The stage in one word; `suppressed` where another problem explains it, `silenced` where
        a person asked for quiet.
        """
        if self.suppressed_by:
            return "suppressed"
        return "silenced" if self.silenced_by else str(self.stage)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """The one answer that the document gives.

    A problem that people asked not to be told of leads all the same, because the document tells
    how things are.
    """

    code: str
    severity: Severity
    color: str
    message: str
    since: datetime
    rule: str | None = None
    group: str | None = None
    cause: Status | None = None
    action: Action | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What one evaluation found.

    `next_at` is the first later instant at which time alone may change it. `ask` names the
    machines that should be probed now, because an alarm waits for their answer or because
    their announced change is due. `reminders` came due since the evaluation before.
    """

    statuses: Mapping[str, Status]
    memory: Memory
    problems: tuple[Problem, ...]
    lead: Lead
    next_at: datetime | None
    ask: frozenset[str]
    reminders: tuple[Reminder, ...] = ()
    watched: frozenset[Key] = frozenset()
    """What was looked for: the problems that there might be."""

    @property
    def is_starting(self) -> bool:
        return self.lead.code == STARTING

    @property
    def gist(self) -> object:
        """All of it that may make a difference to what people are told; equal while nothing does."""
        return (
            (self.lead.code, self.lead.severity),
            tuple(one.gist for one in self.problems),
        )
