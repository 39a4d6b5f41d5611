"""From a report to the published document: one evaluation, and the whole line, in microseconds."""

from __future__ import annotations

import asyncio
import itertools
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agent.alerts.routes import Route
from agent.config.rule_table import as_rule, default_table
from agent.health.document import AgentPart
from agent.health.evaluate import evaluate
from agent.health.fold import fold, unprobed
from agent.health.rules import Ruleset, bind
from agent.health.stages import Memory
from agent.model import Machine, Report
from agent.runtime.core import Consequences, Core
from agent.runtime.publishing import Publisher
from agent.store.journal import Journal
from agent.testing import ManualClock

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
ROUNDS = 2_000
RULES = 20


def desk(machines: int) -> Ruleset:
    """A market, and pairs of login and feed, each pair a group of its own."""
    members = [Machine(name="market", kind="market", role="market")]
    for number in range((machines - 1) // 2):
        group = f"g{number}"
        members.append(Machine(name=f"auth-{number}", kind="x", role="auth", group=group))
        members.append(Machine(name=f"feed-{number}", kind="x", role="feed", group=group))
    rules = list(map(as_rule, default_table()))
    session = [rule for rule in rules if rule.names_the_session]
    others = itertools.cycle(rule for rule in rules if not rule.names_the_session)
    table = [*itertools.islice(others, RULES - len(session)), *session]
    return bind(table, members, session="market")


def microseconds(call, rounds: int) -> str:
    taken = []
    for _ in range(rounds):
        began = time.perf_counter_ns()
        call()
        taken.append((time.perf_counter_ns() - began) / 1000)
    taken.sort()
    return f"median {statistics.median(taken):9.1f} µs   p99 {taken[int(len(taken) * 0.99)]:9.1f} µs"


def evaluation(machines: int, rounds: int) -> str:
    ruleset = desk(machines)
    states = {"market": "LIVE", "auth": "VALID", "feed": "CONNECTED"}
    statuses = {}
    for machine in ruleset.machines:
        report = Report(state=states[machine.role], reason="R", observed_at=NOW)
        statuses[machine.name] = fold(unprobed(machine, NOW), report, believed_for=timedelta(days=1))
    memory = Memory(NOW)
    return microseconds(lambda: evaluate(ruleset, statuses, memory, NOW), rounds)


async def line() -> str:
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder) / "journal.sqlite")
        journal.open()
        journal.start()
        clock = ManualClock(NOW)
        ruleset = desk(3)
        core = Core(
            ruleset,
            clock=clock,
            journal=journal,
            publisher=Publisher(),
            believed_for={machine.name: timedelta(days=1) for machine in ruleset.machines},
            routes=(Route(to=frozenset({"desk"})),),
            consequences=Consequences(
                ask=lambda name: None,
                wake_at=lambda instant: None,
                statuses_changed=lambda statuses: None,
                address=lambda notice, to: (),
                post=lambda letters, error: None,
                published=lambda: None,
                stored=lambda error: None,
                describe=lambda: AgentPart(name="bench", version="1", started_at=NOW),
            ),
        )
        states = [("market", "LIVE"), ("auth-0", "VALID"), ("feed-0", "CONNECTED")]
        for name, state in states:
            core.accept(name, Report(state=state, reason="R", observed_at=NOW))
        turn = 0

        def change() -> None:
            nonlocal turn
            turn += 1
            clock.step_wall(timedelta(seconds=1))
            state = "STALE" if turn % 2 else "CONNECTED"
            core.accept("feed-0", Report(state=state, reason="R", observed_at=clock.now()))

        answer = microseconds(change, ROUNDS)
        await journal.close()
        return answer


if __name__ == "__main__":
    print(f"one evaluation, {len(desk(10).scopes)} scopes over 9 machines    {evaluation(10, ROUNDS)}")
    print(f"one evaluation, {len(desk(1000).scopes)} scopes over 999 machines {evaluation(1000, 30)}")
    print(f"report to published document, 3 machines  {asyncio.run(line())}")
