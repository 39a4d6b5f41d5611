"""Holds the watch of one feed: events go in, verdicts are told, and the next instant is waited for."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from agent.api import Context, Credential, CredentialState, Expectation, Report
from plugins.feed import events, wording
from plugins.feed.canaries import Basket
from plugins.feed.dialect import Tally
from plugins.feed.reporting import describe, list_missing
from plugins.feed.states import Reason, State
from plugins.feed.watch import Limits, begin
from plugins.feed.watchdog import Verdict, step

NOTES_A_SECOND = 4  # while all is well; how often the watchdog needs to hear of frames
_LATE_S = 0.5  # a timer this late means that the loop was held up, and frames wait unread
_INDULGENCE_S = 0.1
_SHORTEST_S = 0.001  # an instant that a rounding clock never quite reaches is no busy loop


class Watching:
    """The one place where a feed's watch changes.

    `look` is called when the next instant has come, `changed` after every change; `amend` has
    the last word on a verdict, for what only the machine can know.
    """

    def __init__(
        self,
        limits: Limits,
        basket: Basket,
        context: Context,
        credential: Credential | None,
        tally: Tally,
        *,
        look: Callable[[], None],
        changed: Callable[[], None] = lambda: None,
        amend: Callable[[Verdict], Verdict] = lambda verdict: verdict,
    ) -> None:
        self._context = context
        self._clock = context.clock
        self._credential = credential
        self._tally = tally
        self._look = look
        self._changed = changed
        self._amend = amend
        self._disarm: Callable[[], None] = lambda: None
        self._indulged_until: float | None = None
        self.note_at = 0.0
        now = self._clock.monotonic()
        self._judged_at = now
        watch = begin(limits, basket, context.expectation.value, now)
        self.watch, self.decision = step(watch, self._standing(), now)
        self._told: Verdict | None = None

    def follow(self) -> tuple[Callable[[], None], ...]:
        """Be told of expectation and credential, beginning with what they are now; returns what ends it."""
        expectation = self._context.expectation
        self._expect(expectation.value)
        endings: tuple[Callable[[], None], ...] = (expectation.subscribe(self._expect),)
        self.see(self._standing())
        if self._credential is None:
            return endings
        return (*endings, self._credential.state.subscribe(self._judge))

    def see(self, event: events.Event) -> None:
        """Take in an event: everything that follows from it follows now."""
        self._judged_at = now = self._time_for_judging()
        self.watch, self.decision = step(self.watch, event, now, random.random())
        self._changed()
        self._arm(now)
        well = self.decision.verdict.state is State.CONNECTED
        self.note_at = now + self._pause_between_notes() if well else 0.0
        self.tell()

    def tell(self) -> None:
        """Report, if what people would read is news."""
        if self.verdict() != self._told:
            self._told = self.verdict()
            self._context.report(self.describe())

    def verdict(self) -> Verdict:
        """The watchdog's verdict and what it cannot know: who is missing while the rest is well."""
        verdict = self.decision.verdict
        if verdict.reason is Reason.TICKING:
            missing = list_missing(self.watch, self._tally, self._clock.monotonic())
            verdict = replace(verdict, message=wording.with_missing(verdict.message, missing))
        return self._amend(verdict)

    def end(self) -> None:
        """Wait for nothing any more."""
        self._disarm()
        self.watch, self.decision = step(self.watch, events.Closed(None), self._clock.monotonic())

    def describe(self) -> Report:
        """The report as of now."""
        wall = self._clock.now()
        now = self._clock.monotonic()
        decision = replace(self.decision, verdict=self.verdict())
        return describe(self.watch, decision, self._tally, now, lambda at: wall + timedelta(seconds=at - now))

    def _expect(self, expectation: Expectation) -> None:
        self.see(events.ExpectationChanged(expectation))

    def _judge(self, state: CredentialState) -> None:
        self.see(self._standing())

    def _standing(self) -> events.CredentialChanged:
        """The credential as it stands; a feed that needs none has an empty one."""
        if self._credential is None:
            return events.CredentialChanged("")
        state = self._credential.state.value
        generation = state.secret.generation if state.secret is not None else None
        return events.CredentialChanged(generation, state.verdict, state.trouble)

    def _time_for_judging(self) -> float:
        """Now; but if the loop was held up, the instant before, until what waits has been read.

        Else a feed would be called silent because we did not listen.
        """
        now, due = self._clock.monotonic(), self.decision.at
        if due is None or now - due <= _LATE_S:
            self._indulged_until = None
        elif self._indulged_until is None:
            self._indulged_until = now + _INDULGENCE_S
        indulged = self._indulged_until is not None and now < self._indulged_until
        return self._judged_at if indulged else now

    def _pause_between_notes(self) -> float:
        return min(1 / NOTES_A_SECOND, self.watch.limits.stale_after / 20)

    def _arm(self, now: float) -> None:
        self._disarm()
        at = self.decision.at
        if at is None:
            self._disarm = lambda: None
            return
        pause = at - now if self._indulged_until is None else _INDULGENCE_S
        self._disarm = self._clock.call_later(max(_SHORTEST_S, pause), self._look).cancel
