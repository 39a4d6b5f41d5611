"""The contract of a login: derive a test class from it, and say what a person comes back with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import unquote

from agent.abilities import Login
from agent.errors import LoginError
from agent.runtime.outbound import Outbound
from agent.testing.bench import Bench
from agent.testing.canary import CANARY, find_leaks, listening, words_of
from agent.testing.contract import TROUBLES, Contract, DoesNotApply, NotShown, check
from agent.testing.memory import MemoryCredential
from agent.testing.server import Exchange
from agent.testing.troubles import Trouble

RETURN_URL = "http://127.0.0.1:8000/api/auth/callback"
STATE = "aStateThatMustComeBack"
FORMER = "theTokenOfYesterday"


@dataclass(frozen=True, slots=True)
class Desk:
    """A login under test, and the credential that it is to renew."""

    login: Login
    credential: MemoryCredential

    @property
    def value(self) -> str:
        secret = self.credential.state.value.secret
        return secret.value if secret is not None else ""


class LoginContract(Contract):
    """Holds a machine's login to what the agent and a person rely on."""

    credential: ClassVar[str] = ""
    """The name of the credential that a login renews."""
    bad_queries: ClassVar[Sequence[Mapping[str, str]]] = ()
    """What a person comes back with when the login failed or was cancelled, in this broker's words."""
    good_query: ClassVar[Mapping[str, str]] = {}
    """A query of the right form, for when the broker cannot be asked."""

    # -- what an author says ------------------------------------------------------------------

    async def came_back(self, address: str) -> Mapping[str, str]:
        """Do what a person does at the broker's page; what they come back with."""
        raise NotShown("say what a person does at the broker's page: override `came_back`")

    # -- the checks ---------------------------------------------------------------------------

    @check(vital=True)
    async def test_sends_the_state_along(self) -> None:
        """The broker's page is given the state, so that a stranger's login is not taken for ours."""
        async with self.well() as exchange, self.desk(exchange) as desk:
            address = await desk.login.begin(STATE, RETURN_URL)
            assert address.startswith(("http://", "https://")), f"expected an address, got {address!r}"
            assert STATE in unquote(unquote(address)), "the address of the broker's page lacks the state"

    @check()
    async def test_gives_a_credential(self) -> None:
        """A login renews the credential, and a person is told in a line."""
        async with self.well() as exchange, self.desk(exchange) as desk:
            line = await self._log_in(desk)
            assert line.strip(), "a person is told nothing"
            assert "\n" not in line, "a person is told more than a line"
            assert desk.value not in ("", FORMER), "the login succeeded, and there is no new credential"

    @check()
    async def test_takes_one_login_once(self) -> None:
        """What a person came back with cannot be used a second time."""
        async with self.well() as exchange, self.desk(exchange) as desk:
            query = await self.came_back(await desk.login.begin(STATE, RETURN_URL))
            await desk.login.complete(query)
            value = desk.value
            await self._refused(desk, query, "the same query again")
            assert desk.value == value, "the second use changed the credential"

    @check(vital=True)
    async def test_refuses_bad_logins(self) -> None:
        """What is no login is a LoginError that says what to do, and changes nothing."""
        odd: tuple[Mapping[str, str], ...] = (
            {},
            {"state": STATE},
            dict.fromkeys(self.good_query, "\x00'\"<>"),
        )
        async with self.well() as exchange, self.desk(exchange) as desk:
            if not self.bad_queries:
                raise NotShown("say what a person comes back with from a failed login: `bad_queries`")
            for query in (*self.bad_queries, *odd):
                await self._refused(desk, query, f"{dict(query)!r}")
                assert desk.value == FORMER, f"{dict(query)!r} changed the credential"

    @check()
    async def test_survives_the_brokers_troubles(self) -> None:
        """A broker in trouble makes a LoginError, and changes nothing."""
        if not self.good_query:
            raise NotShown("say what a query looks like that is of the right form: `good_query`")
        if TROUBLES in self.does_not_apply:
            raise DoesNotApply(f"does not apply: {self.does_not_apply[TROUBLES]}")
        for trouble in Trouble:
            async with self.trouble(trouble) as exchange, self.desk(exchange) as desk:
                await self._refused(desk, self.good_query, f"at a broker in trouble ({trouble})")
                assert desk.value == FORMER, f"a broker in trouble ({trouble}) changed the credential"

    @check(vital=True)
    async def test_keeps_secrets(self) -> None:
        """Neither the app's secret nor the new token is in an address, a line, a log or an error."""
        texts: list[str] = []
        secrets = [CANARY]
        with listening() as ear:
            async with self.well() as exchange, self.desk(exchange) as desk:
                texts += [await desk.login.begin(STATE, RETURN_URL), await self._log_in(desk)]
                secrets.append(desk.value)
            for trouble in filter(self.applies, Trouble):
                async with self.trouble(trouble) as exchange, self.desk(exchange) as desk:
                    texts += await self._errors(desk)
        leaks = find_leaks([*texts, *ear.lines], secrets)
        assert not leaks, f"a secret shows: {leaks[0]}"

    # -- how they are done --------------------------------------------------------------------

    @asynccontextmanager
    async def desk(self, exchange: Exchange) -> AsyncIterator[Desk]:
        """The machine, built to talk to this broker, with yesterday's credential."""
        kind = self.offers().machines[self.kind]
        outbound = Outbound("openbell-contract")
        bench = Bench(self.clock, name=self.kind, session=outbound.open(), data_folder=self.folder)
        credential = bench.add_credential(self.credential, FORMER)
        try:
            login = kind.factory(self.read(kind.settings, exchange.url), bench)
            assert isinstance(login, Login), f"{self.kind!r} has no login: expected `begin` and `complete`"
            yield Desk(login, credential)
        finally:
            await outbound.close()

    async def _log_in(self, desk: Desk) -> str:
        query = await self.came_back(await desk.login.begin(STATE, RETURN_URL))
        return await desk.login.complete(query)

    async def _refused(self, desk: Desk, query: Mapping[str, str], what: str) -> None:
        error = await self._outcome(desk, query)
        assert isinstance(error, LoginError), f"{what}: expected LoginError, got {error!r}"
        assert str(error).strip(), f"{what}: the LoginError tells a person nothing"

    async def _outcome(self, desk: Desk, query: Mapping[str, str]) -> Any:
        """What `complete` raises or returns, within the patience."""
        try:
            async with asyncio.timeout(self.patience_s):
                return await desk.login.complete(query)
        except Exception as error:  # noqa: BLE001 - the fence around a plugin's login
            return error

    async def _errors(self, desk: Desk) -> list[str]:
        outcome = await self._outcome(desk, self.good_query)
        return [words_of(outcome) if isinstance(outcome, Exception) else repr(outcome)]
