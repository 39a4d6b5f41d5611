"""The login machine: reports on the access token, verifies it in time, and takes a person's login."""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import Mapping

from agent.api import (
    ActionError,
    AgentError,
    Context,
    CredentialState,
    LoginError,
    Report,
    Secret,
)
from plugins.auth import login
from plugins.auth.answers import Answer
from plugins.auth.broker import KiteBroker
from plugins.auth.calling import Caller
from plugins.auth.settings import KiteLoginSettings
from plugins.auth.verifying import SESSION, Verifier

VERIFY = "verify"
"""The action: ask the broker now."""

NO_TOKEN = "none"  # noqa: S105 - asks whether the broker answers at all

SIMULATED_LOGIN = "/connect/login"


class KiteLogin:
    """A `StateMachine` with `Running`, `Login` and `Actions`.

    Where there is a simulator, it is the broker, whatever the settings say.
    """

    def __init__(self, settings: KiteLoginSettings, context: Context) -> None:
        simulator = context.surroundings.simulator
        self._settings = settings
        self._context = context
        self._login_url = settings.login_url if simulator is None else simulator.rstrip("/") + SIMULATED_LOGIN
        self._broker = KiteBroker(settings.api_key, simulator or settings.root, context.clock)
        self._credential = context.credential(settings.credential)
        self._verifier = Verifier(settings, context, self._credential, self._broker)
        self._exchanger = Caller(context)
        self._logging_in = asyncio.Lock()
        self._spent: deque[bytes] = deque(maxlen=32)
        self._woken = asyncio.Event()

    async def probe(self) -> Report:
        """What is known of the token; the broker is asked only if that is due."""
        self._verifier.see(self._credential.state.value)
        if self._is_due():
            await self._verify()
        return self._verifier.report()

    async def run(self) -> None:
        """Verify and report the moment there is reason to: a new token, a doubt, a mark of the clock."""
        unsubscribe = self._credential.state.subscribe(self._see)
        self._see(self._credential.state.value)
        try:
            while True:
                self._woken.clear()
                if self._is_due():
                    await self._verifier.verify()
                self._context.report(self._verifier.report())
                await self._until_there_is_reason()
        finally:
            unsubscribe()

    def _see(self, state: CredentialState) -> None:
        self._verifier.see(state)
        self._woken.set()

    def _is_due(self) -> bool:
        due_in_s = self._verifier.due_in()
        return due_in_s is not None and due_in_s <= 0

    async def _until_there_is_reason(self) -> None:
        due_in_s = self._verifier.due_in()
        if due_in_s is None:
            await self._woken.wait()
            return
        timer = self._context.clock.call_later(due_in_s, self._woken.set)
        try:
            await self._woken.wait()
        finally:
            timer.cancel()

    async def act(self, action: str) -> str:
        """Do `verify`."""
        if action != VERIFY:
            raise ActionError(f"{self._context.name} does not know {action!r}; it knows {VERIFY!r}")
        if self._credential.state.value.secret is None:
            raise ActionError("There is no access token to verify: log in")
        await self._verify()
        report = self._verifier.report()
        self._context.report(report)
        if self._verifier.trouble is not None:
            raise ActionError(report.message)
        return report.message

    async def _verify(self) -> None:
        """Verify, and have `run` reckon anew when the next time is."""
        await self._verifier.verify()
        self._woken.set()

    async def reach(self) -> str:
        """Ask the broker about the token that there is; about none, if there is none."""
        secret = self._credential.state.value.secret
        reply = await self._exchanger.call(self._broker.profile, secret.value if secret else NO_TOKEN)
        if not reply.answer.is_verdict:
            raise AgentError(f"the broker gives no word: {reply.finding}")
        if secret is None:
            return "the broker answers; there is no token yet: log in"
        verb = "takes" if reply.answer is Answer.ACCEPTED else "refuses"
        return f"the broker answers, and {verb} the token"

    async def begin(self, state: str, return_url: str) -> str:
        """The broker's login page. Where it sends people back to is set in its developer console."""
        if self._settings.api_secret is None:
            raise LoginError("`api_secret` is missing in agent.toml, so that a login could not be completed.")
        return login.address(self._login_url, self._settings.api_key, state)

    async def complete(self, query: Mapping[str, str]) -> str:
        """Exchange the request token, store what it gives, and report it without waiting for more."""
        request_token = login.request_token(query)
        if self._settings.api_secret is None:
            raise LoginError("`api_secret` is missing in agent.toml. Nothing has changed.")
        if self._logging_in.locked():
            raise LoginError("Another login is being completed just now. Look at the status page.")
        async with self._logging_in:
            self._spend(request_token)
            secret = self._settings.api_secret.get_secret_value()
            reply = await self._exchanger.call(self._broker.exchange, request_token, secret)
            session = login.session(reply, self._settings.user_id)
            self._verifier.note(reply)
            said = await self._take(session)
        self._verifier.see(self._credential.state.value)
        self._context.report(self._verifier.report())
        return said

    def _spend(self, request_token: str) -> None:
        digest = hashlib.sha256(request_token.encode()).digest()
        if digest in self._spent:
            raise LoginError(
                "This login was completed already. Nothing has changed; look at the status page."
            )
        self._spent.append(digest)

    async def _take(self, session: login.Session) -> str:
        """Hold the session's token as the credential; returns a line on it."""
        who = f"Logged in as {session.user_id}." if session.user_id else "Logged in."
        try:
            held = await self._credential.write(session.access_token)
        except AgentError as error:
            unstored = self._held(session.access_token)
            if unstored is None:
                raise LoginError(f"{who} But the token could not be kept: {error}") from None
            self._credential.accept(unstored.generation, SESSION)
            return f"{who} But the token could not be stored, and lasts until the agent stops: {error}"
        self._credential.accept(held.generation, SESSION)
        return f"{who} The access token is stored."

    def _held(self, access_token: str) -> Secret | None:
        secret = self._credential.state.value.secret
        return secret if secret is not None and secret.value == access_token else None
