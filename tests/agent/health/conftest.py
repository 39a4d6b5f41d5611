"""A desk on paper: three machines, the default rules, and a clock that the test moves."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from agent.config.rule_table import as_rule, default_table
from agent.health.evaluate import Evaluation, evaluate
from agent.health.fold import fold, unprobed
from agent.health.rules import Rule, bind
from agent.health.stages import Memory
from agent.model import Machine, Report, Silence

MORNING = datetime(2026, 11, 23, 3, 45, tzinfo=UTC)

MARKET = Machine(name="market", kind="market", role="market")
AUTH = Machine(name="auth", kind="kite-login", role="auth", group="kite")
FEED = Machine(name="feed", kind="kite-feed", role="feed", group="kite")


class PaperDesk:
    """Folds what the machines say and evaluates, as the core does, without anything that runs."""

    def __init__(
        self,
        rules: Iterable[Rule] | None = None,
        machines: tuple[Machine, ...] = (MARKET, AUTH, FEED),
        start: datetime = MORNING,
    ) -> None:
        self.rules = tuple(rules) if rules is not None else tuple(map(as_rule, default_table()))
        self.ruleset = bind(
            self.rules, machines, session="market", readiness={"auth": ["VALID"], "feed": ["CONNECTED"]}
        )
        self.now = start
        self.memory = Memory(start)
        self.quiet: list[Silence] = []
        self.statuses = {machine.name: unprobed(machine, start) for machine in machines}
        self.evaluation: Evaluation = self.evaluate()

    def say(self, name: str, state: str, reason: str = "R", **more: object) -> Evaluation:
        report = Report(state=state, reason=reason, observed_at=self.now, **more)  # type: ignore[arg-type]
        self.statuses[name] = fold(self.statuses[name], report, believed_for=timedelta(days=1))
        return self.evaluate()

    def say_all(self, market: str = "LIVE", auth: str = "VALID", feed: str = "CONNECTED") -> Evaluation:
        self.say("market", market, "SESSION")
        self.say("auth", auth)
        return self.say("feed", feed)

    def wait(self, seconds: float) -> Evaluation:
        """Move on, evaluating at each instant that the evaluation itself named, as its wake-up does."""
        end = self.now + timedelta(seconds=seconds)
        while self.evaluation.next_at is not None and self.evaluation.next_at <= end:
            self.now = self.evaluation.next_at
            self.evaluate()
        self.now = end
        return self.evaluate()

    def evaluate(self) -> Evaluation:
        self.evaluation = evaluate(self.ruleset, self.statuses, self.memory, self.now, self.quiet)
        self.memory = self.evaluation.memory
        return self.evaluation

    @property
    def code(self) -> str:
        return self.evaluation.lead.code

    def phase(self, rule: str) -> str | None:
        return next((p.phase for p in self.evaluation.problems if p.rule.id == rule), None)


@pytest.fixture
def desk() -> PaperDesk:
    return PaperDesk()


@pytest.fixture(scope="session")
def make_desk() -> type[PaperDesk]:
    return PaperDesk
