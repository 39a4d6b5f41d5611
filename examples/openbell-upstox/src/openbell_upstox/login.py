"""The login machine: knows whether Upstox takes the token, and how a person gets another."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from agent.api import (
    ActionError,
    AgentError,
    Context,
    CredentialState,
    LoginError,
    Report,
    Secret,
    SecretText,
    Settings,
    Timer,
    Verdict,
)

from . import expiry, oauth, rest
from .rest import Answer, Reply
from .token import MESSAGES, Reason, State

PROFILE = "/v2/user/profile"
RETURN_URL = "return-url"
VERIFY = "verify"
WORDS = (Answer.ACCEPTED, Answer.REFUSED)
"""The answers that say something of the token."""


class LoginSettings(Settings):
    """`[machines.NAME]` with `kind = "upstox-login"`.

    `redirect_url` is the one registered with Upstox, if that is not the agent's own callback.
    """

    client_id: str
    client_secret: SecretText
    url: str = rest.LIVE
    redirect_url: str | None = None
    user_id: str | None = None
    credential: str = "upstox"


class UpstoxLogin:
    """A `StateMachine` with `Running`, `Login`, `Actions` and `Reachable`."""

    def __init__(self, settings: LoginSettings, context: Context) -> None:
        self._settings = settings
        self._context = context
        self._credential = context.credential(settings.credential)
        self._seen = ""
        self._proof: tuple[str, datetime | None] = ("", None)
        self._alarm: Timer | None = None
        self._unanswered_since: float | None = None

    # -- when to ask --------------------------------------------------------------------------

    async def run(self) -> None:
        """Ask for a probe when there is another token, when the feed doubts this one, and at 03:30."""
        self._seen = _generation(self._credential.state.value)
        unsubscribe = self._credential.state.subscribe(self._look)
        self._arm()
        try:
            await asyncio.Event().wait()
        finally:
            unsubscribe()
            if self._alarm is not None:
                self._alarm.cancel()

    def _arm(self) -> None:
        now = self._context.clock.now()
        wait_s = (expiry.next_look(now) - now).total_seconds()
        self._alarm = self._context.clock.call_later(wait_s, self._ring)

    def _ring(self) -> None:
        self._context.probe_soon()
        self._arm()

    def _look(self, state: CredentialState) -> None:
        self._remember(state)
        generation = _generation(state)
        if generation != self._seen or state.verdict is Verdict.DOUBTED:
            self._seen = generation
            self._context.probe_soon()

    def _remember(self, state: CredentialState) -> None:
        """When this token was last proven: a later refusal or doubt takes the proof's place in the state."""
        if state.verdict is Verdict.ACCEPTED:
            self._proof = (_generation(state), state.judged_at)

    # -- what to say --------------------------------------------------------------------------

    async def probe(self) -> Report:
        """What is known of the token; a token that was refused is never asked about again."""
        state = self._credential.state.value
        self._remember(state)
        if state.secret is None:
            return self._say(State.REQUIRED, Reason.MISSING)
        if state.verdict is Verdict.REFUSED:
            return self._say(State.EXPIRED, self._why_refused(state.secret, state.judged_at))
        reply = await self._profile(state.secret.value)
        self._count(reply)
        if _generation(self._credential.state.value) != state.secret.generation:
            return await self.probe()  # another token came while Upstox was asked
        return self._judge(state.secret, reply)

    def _count(self, reply: Reply) -> None:
        """Since when Upstox has given no word."""
        now, since = self._context.clock.monotonic(), self._unanswered_since
        self._unanswered_since = None if reply.answer in WORDS else now if since is None else since

    def _judge(self, secret: Secret, reply: Reply) -> Report:
        """Only Upstox's own word ends a token for good; without it, a token of yesterday counts as over."""
        if reply.answer is Answer.ACCEPTED:
            self._credential.accept(secret.generation, "profile")
            return self._say(State.VALID, Reason.VERIFIED, reply)
        if reply.answer is Answer.REFUSED:
            self._credential.refuse(secret.generation, "profile")
            return self._say(State.EXPIRED, self._why_refused(secret, None), reply)
        return self._presume(secret, reply)

    def _presume(self, secret: Secret, reply: Reply) -> Report:
        """What to say while Upstox gives no word: at night its services are closed."""
        verdict = self._credential.state.value.verdict
        if self._is_over(secret, self._context.clock.now()):
            if verdict is not Verdict.DOUBTED:
                self._credential.doubt(secret.generation, "03:30")
            return self._say(State.EXPIRED, Reason.ROLLOVER, reply)
        known = State.VALID if verdict is Verdict.ACCEPTED else State.REQUIRED
        return self._say(known, Reason.UNVERIFIED, reply)

    def _why_refused(self, secret: Secret, refused_at: datetime | None) -> Reason:
        """Why Upstox refuses a token, now or then: by its rule, by its own clock, or out of turn."""
        at = refused_at or self._context.clock.now()
        return Reason.ROLLOVER if self._is_over(secret, at + expiry.UNSURE) else Reason.REJECTED

    def _is_over(self, secret: Secret, at: datetime) -> bool:
        generation, proven_at = self._proof
        return expiry.is_over(secret.first_seen, proven_at if generation == secret.generation else None, at)

    def _say(self, state: State, reason: Reason, reply: Reply | None = None) -> Report:
        now, since = self._context.clock.now(), self._unanswered_since
        attributes = {"broker": reply.answer.value, "code": reply.code} if reply is not None else {}
        return Report(
            state=state,
            reason=reason,
            observed_at=now,
            message=MESSAGES[state, reason],
            next_change_at=expiry.next_end(now) if state is State.VALID else None,
            attributes={name: value for name, value in attributes.items() if value},
            measures={} if since is None else {"unanswered_s": self._context.clock.monotonic() - since},
        )

    async def _profile(self, token: str) -> Reply:
        """Upstox's word on a token; a 200 without a profile is somebody else's."""
        reply = await rest.ask(self._context, "GET", self._settings.url + PROFILE, token)
        is_word = reply.answer is not Answer.ACCEPTED or isinstance(reply.said.get("data"), dict)
        return reply if is_word else replace(reply, answer=Answer.BROKEN)

    # -- what can be done ---------------------------------------------------------------------

    async def act(self, action: str) -> str:
        """Do `verify`."""
        if action != VERIFY:
            raise ActionError(f"{self._context.name} does not know {action!r}; it knows {VERIFY!r}")
        report = await self.probe()
        self._context.report(report)
        if report.reason == Reason.UNVERIFIED:
            raise ActionError(report.message)
        return report.message

    async def reach(self) -> str:
        """Ask Upstox about the token that there is, or about none."""
        secret = self._credential.state.value.secret
        reply = await self._profile(secret.value if secret is not None else "none")
        if reply.answer not in WORDS:
            raise AgentError(f"Upstox gives no word ({reply.answer}): look at `url` and at the network")
        if secret is None:
            return "Upstox answers; there is no token yet: log in"
        return f"Upstox answers, and {'takes' if reply.answer is Answer.ACCEPTED else 'refuses'} the token"

    async def begin(self, state: str, return_url: str) -> str:
        """Upstox's page. The exchange must name the same return address, so that it is kept."""
        address = self._settings.redirect_url or return_url
        self._context.store.put(RETURN_URL, address)
        return oauth.page(self._settings.url, self._settings.client_id, address, state)

    async def complete(self, query: Mapping[str, str]) -> str:
        """Exchange the code, which Upstox takes once only."""
        code = oauth.code_in(query)
        address = self._settings.redirect_url or self._context.store.get(RETURN_URL)
        if address is None:
            raise LoginError("This login was not begun here. Nothing has changed; log in again.")
        form = {
            "code": code,
            "client_id": self._settings.client_id,
            "client_secret": self._settings.client_secret.get_secret_value(),
            "redirect_uri": address,
            "grant_type": "authorization_code",
        }
        reply = await rest.ask(self._context, "POST", self._settings.url + oauth.TOKEN, data=form)
        return await self._keep(oauth.token_in(reply, self._settings.user_id))

    async def _keep(self, token: str) -> str:
        try:
            held = await self._credential.write(token)
        except AgentError as error:
            raise LoginError(f"Logged in, but the token could not be kept: {error}") from None
        self._credential.accept(held.generation, "login")
        self._context.probe_soon()
        return "Logged in. The token is stored."


def _generation(state: CredentialState) -> str:
    return state.secret.generation if state.secret is not None else ""
