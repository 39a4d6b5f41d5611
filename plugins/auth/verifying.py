"""Keeps the evidence on the present token: hears verdicts, and asks the broker once for all who ask."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

from agent.api import Context, Credential, CredentialState, Report, Verdict
from plugins.auth import asking, remembering
from plugins.auth.answers import Answer, Reply
from plugins.auth.asking import LEAST_GAP_S, PROFILE, Tries
from plugins.auth.broker import KiteBroker
from plugins.auth.calling import Caller
from plugins.auth.login import is_user
from plugins.auth.settings import KiteLoginSettings
from plugins.auth.telling import Known, Trouble, tell
from plugins.auth.token import Evidence, Moment

SESSION = "session"
"""The proof that a login gives."""


class Verifier:
    """All evidence comes in by `see`, from the credential's verdicts, our own as well as a feed's."""

    def __init__(
        self, settings: KiteLoginSettings, context: Context, credential: Credential, broker: KiteBroker
    ) -> None:
        self._settings = settings
        self._context = context
        self._credential = credential
        self._broker = broker
        self._caller = Caller(context)
        self._rollover = settings.rollover.plan
        self._evidence: Evidence | None = None
        self._heard: CredentialState | None = None
        self._tries = Tries()
        self._trouble: Trouble | None = None
        self._is_other_user = False
        self._clock_offset: timedelta | None = None
        self._asking = asyncio.Lock()
        self._rounds = 0
        self.see(credential.state.value)

    @property
    def trouble(self) -> Trouble | None:
        return self._trouble

    def now(self) -> Moment:
        clock = self._context.clock
        return Moment(clock.now(), clock.monotonic())

    def report(self) -> Report:
        """What is known now."""
        known = Known(
            credential=self._credential.state.value,
            evidence=self._evidence,
            rollover=self._rollover,
            verify_every=self._settings.verify_every,
            trouble=self._trouble,
            is_other_user=self._is_other_user,
            clock_offset=self._clock_offset,
        )
        return tell(known, self.now())

    def see(self, state: CredentialState) -> None:
        """Take in the credential as it stands; seeing the same twice changes nothing."""
        if state == self._heard:
            return
        self._heard = state
        if state.secret is None:
            self._evidence = None
            return
        generation = state.secret.generation
        if self._evidence is None or self._evidence.generation != generation:
            self._begin(generation)
        self._hear(state)

    def _begin(self, generation: str) -> None:
        """A token that was not here before: what a former run knew of it, and nothing of another."""
        self._evidence = remembering.unpack(self._context.store.get(remembering.KEY), generation, self.now())
        self._tries = Tries()
        self._is_other_user = False

    def _hear(self, state: CredentialState) -> None:
        evidence, now = self._evidence, self.now()
        if evidence is None:
            return
        at_s = now.s if state.judged_at is None else min(now.seconds(state.judged_at), now.s)
        if state.verdict is Verdict.ACCEPTED:
            if evidence.refused_s is not None and state.judged_by not in (PROFILE, SESSION):
                self._tries = replace(self._tries, is_wished=True)
            self._keep(evidence.accepted(state.judged_by, at_s))
        elif state.verdict is Verdict.REFUSED and evidence.refused_s is None:
            self._keep(evidence.refused(state.judged_by, at_s))
        elif state.verdict is Verdict.DOUBTED:
            self._tries = replace(self._tries, is_wished=True)

    def _keep(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._context.store.put(remembering.KEY, remembering.pack(evidence, self.now()))

    def due_in(self) -> float | None:
        """Seconds until the broker is to be asked, 0 or less if now; `None` if there is no such time."""
        now = self.now()
        every_s = self._settings.verify_every.total_seconds()
        due_s = asking.next_ask_s(self._evidence, self._tries, self._rollover, every_s, now)
        return None if due_s is None else due_s - now.s

    async def verify(self) -> None:
        """Ask the broker now. All who come while it is being asked share the one answer."""
        round_ = self._rounds
        async with self._asking:
            if self._rounds == round_:
                await self._ask()
                self._rounds += 1

    async def _ask(self) -> None:
        await self._leave_a_gap()
        secret = self._credential.state.value.secret
        if secret is None:
            return
        self.see(self._credential.state.value)
        self._tries = replace(self._tries, last_s=self.now().s, is_wished=False)
        reply = await self._caller.call(self._broker.profile, secret.value)
        self.note(reply)
        if self._evidence is not None and self._evidence.generation == secret.generation:
            self._judge(secret.generation, self._of_our_user(reply))
        self.see(self._credential.state.value)

    async def _leave_a_gap(self) -> None:
        if self._tries.last_s is None:
            return
        gap_s = self._tries.last_s + LEAST_GAP_S - self.now().s
        if gap_s > 0:
            await self._context.clock.sleep(gap_s)

    def _of_our_user(self, reply: Reply) -> Reply:
        wanted = self._settings.user_id
        if reply.answer is not Answer.ACCEPTED or wanted is None or is_user(reply.value["user_id"], wanted):
            return reply
        return Reply(answer=Answer.OTHER_USER, finding="the token is another user's")

    def _judge(self, generation: str, reply: Reply) -> None:
        if reply.answer is Answer.ACCEPTED:
            self._credential.accept(generation, PROFILE)
        elif reply.answer.is_verdict:
            self._is_other_user = reply.answer is Answer.OTHER_USER
            self._credential.refuse(generation, PROFILE)
        failures = 0 if reply.answer.is_verdict else self._tries.failures + 1
        pause_s = asking.pause_after(
            failures,
            rate_limited=reply.answer is Answer.RATE_LIMITED,
            wished_s=reply.retry_after_s,
        )
        self._tries = replace(self._tries, failures=failures, pause_s=pause_s)

    def note(self, reply: Reply) -> None:
        """What a reply says about the broker itself; one line in the log when that changes."""
        if reply.clock_offset is not None:
            self._clock_offset = reply.clock_offset
        name, former = self._context.name, self._trouble
        if reply.answer.is_verdict:
            self._trouble = None
            if former is not None:
                self._context.log.info("%s: the broker answers again", name)
            return
        since_s = former.since_s if former is not None else self.now().s
        self._trouble = Trouble(reply.answer, reply.finding, since_s)
        if former is None or former.answer is not reply.answer:
            self._context.log.warning("%s: no word on the token (%s): %s", name, reply.answer, reply.finding)
