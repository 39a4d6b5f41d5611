"""Applies remedies: watches the problems, runs what is due, and keeps what came of it in the journal."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path

from agent.alerts.remedies import Remedy, Runs, Trouble, Why, begin, decide, end, shift
from agent.clock import Clock
from agent.errors import ActionError
from agent.health.answer import Evaluation
from agent.health.stages import Stage
from agent.model import Incident, Subject, Transition
from agent.runtime.commands import run_command
from agent.runtime.telling import stamped
from agent.store.journal import Door, Entry
from agent.text import plain

log = logging.getLogger(__name__)

KEY = "core:remedies"
OUTPUT_LIMIT = 2_000

_CUT_SHORT = ("FAILED", "CUT_SHORT", "the agent was stopped meanwhile, or failed; its log says which")


class Remedies:
    """All remedies of one agent; `clean` takes secrets out of what a command prints."""

    def __init__(
        self,
        remedies: Iterable[Remedy],
        *,
        clock: Clock,
        journal: Door,
        folder: Path,
        act: Callable[[str, str], Awaitable[str]],
        spawn: Callable[[str, Awaitable[None]], None],
        clean: Callable[[str], str],
        incident: Callable[[], Incident | None],
    ) -> None:
        self._remedies = tuple(remedies)
        self._clock = clock
        self._journal = journal
        self._folder = folder
        self._act = act
        self._spawn = spawn
        self._clean = clean
        self._incident = incident
        self._troubles: tuple[Trouble, ...] = ()
        self._runs: dict[str, Runs] = {}
        self._disarm: Callable[[], None] = lambda: None

    def resume(self) -> None:
        """Go on counting where a former run of the agent was: a restart is no new allowance."""
        try:
            kept = json.loads(self._journal.value(KEY) or "{}")
            for id_, began in kept.items():
                instants = tuple(datetime.fromisoformat(at) for at in began)
                self._runs[id_] = Runs(instants, max(instants, default=None))
        except (ValueError, TypeError, AttributeError) as error:
            log.warning("what is known of former remedies cannot be read (%s); counting anew", error)

    def adopt(self, remedies: Iterable[Remedy]) -> None:
        """Go by other remedies from now on; what is under way comes to its end."""
        self._disarm()
        self._remedies = tuple(remedies)

    def look(self, evaluation: Evaluation | None) -> None:
        """Take in the problems as they are now, and begin what is due."""
        if not self._remedies or evaluation is None:
            return
        counting = () if evaluation.is_starting else evaluation.problems
        self._troubles = tuple(
            Trouble(problem.rule.id, problem.group, problem.since)
            for problem in counting
            if problem.phase == Stage.ACTIVE
        )
        self._decide()

    def shift(self, step: timedelta) -> None:
        """Follow a step of the wall clock."""
        self._runs = {id_: shift(runs, step) for id_, runs in self._runs.items()}

    def stop(self) -> None:
        """Begin nothing any more."""
        self._disarm()
        self._remedies = ()

    def _decide(self) -> None:
        now = self._clock.now()
        instants = []
        for remedy in self._remedies:
            runs = self._runs.get(remedy.id, Runs())
            decision = decide(remedy, self._troubles, runs, now)
            if decision.why is Why.DUE and decision.trouble is not None:
                self._begin(remedy, begin(runs, now), decision.trouble, now)
            elif decision.at is not None:
                instants.append(decision.at)
        self._disarm()
        if instants:
            pause = (min(instants) - now).total_seconds()
            self._disarm = self._clock.call_later(max(0.001, pause), self._decide).cancel

    def _begin(self, remedy: Remedy, runs: Runs, trouble: Trouble, now: datetime) -> None:
        self._runs[remedy.id] = runs
        log.warning("remedy %s: %s because of %s", remedy.id, remedy.words, trouble.rule)
        incident = self._incident()
        started = _edge(
            remedy, trouble, now, before=None, after="RUNNING", reason=trouble.rule, message=remedy.words
        )
        counts = {id_: [at.isoformat() for at in known.began] for id_, known in self._runs.items()}
        self._journal.append(Entry(stamped((started,), incident), ((KEY, json.dumps(counts)),)))
        self._spawn(f"remedy {remedy.id}", self._apply(remedy, trouble, incident))

    async def _apply(self, remedy: Remedy, trouble: Trouble, incident: Incident | None) -> None:
        """Do it; whatever comes of it is kept with the incident in which it began."""
        after, reason, text = _CUT_SHORT
        try:
            after, reason, text = await self._done(remedy, trouble)
        finally:
            now = self._clock.now()
            message = plain(self._clean(text), OUTPUT_LIMIT)
            log.info("remedy %s: %s (%s): %s", remedy.id, after, reason, message)
            ended = _edge(remedy, trouble, now, before="RUNNING", after=after, reason=reason, message=message)
            self._journal.append(Entry(stamped((ended,), incident)))
            self._runs[remedy.id] = end(self._runs[remedy.id], now)
            self._decide()

    async def _done(self, remedy: Remedy, trouble: Trouble) -> tuple[str, str, str]:
        """What became of it: a word, a reason, and what was said."""
        if remedy.machine is not None and remedy.action is not None:
            try:
                return "DONE", "ACTION", await self._act(remedy.machine, remedy.action)
            except ActionError as error:
                return "FAILED", "ACTION", str(error)
        outcome = await run_command(
            remedy.command,
            folder=self._folder,
            words={"OPENBELL_RULE": trouble.rule, "OPENBELL_GROUP": trouble.group or ""},
            timeout_s=remedy.timeout.total_seconds(),
            clock=self._clock,
        )
        if outcome.timed_out:
            return "FAILED", "TIMEOUT", outcome.output
        if outcome.status is None:
            return "FAILED", "NOT_STARTED", outcome.output
        return ("DONE" if outcome.status == 0 else "FAILED"), f"EXIT_{outcome.status}", outcome.output


def _edge(
    remedy: Remedy,
    trouble: Trouble,
    at: datetime,
    *,
    before: str | None,
    after: str,
    reason: str,
    message: str,
) -> Transition:
    return Transition(
        at=at,
        subject=Subject.REMEDY,
        name=remedy.id,
        group=trouble.group,
        before=before,
        after=after,
        reason=reason,
        message=message,
    )
