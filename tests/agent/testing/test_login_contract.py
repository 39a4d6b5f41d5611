"""Every check of the logins' contract passes a sound login, and fails one that breaks its promise."""

from __future__ import annotations

import sys

import pytest
from aiohttp import web

from agent.testing import CANARY, LoginContract
from agent.testing.contract import checks_of
from agent.testing.examining import hold
from agent.testing.grading import Outcome

from . import wrong_logins as wrong


class SoundContract(LoginContract):
    plugin = wrong.__name__
    kind = "Sound"
    credential = "broker"
    good_query = {"code": "goodCode"}
    bad_queries = ({"error": "cancelled"}, {"code": "neverGivenOut"})
    spent = False

    def settings(self, url):
        return {"url": url, "secret": CANARY}

    async def came_back(self, address: str):
        return self.good_query

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """One token for one good code."""
        if self.spent or (await request.post()).get("code") != "goodCode":
            return web.json_response({}, status=403)
        self.spent = True
        return web.json_response({"token": "theTokenOfToday"})


def contract_of(login: type, **more: object) -> type[LoginContract]:
    """The contract, with little patience, for a login that will not keep it."""
    assert sys.modules[wrong.__name__] is wrong
    return type("Impatient", (SoundContract,), {"kind": login.__name__, "patience_s": 0.6, **more})


class TestSound(SoundContract):
    pass


BROKEN = [
    ("sends_the_state_along", wrong.ForgetsTheState, "lacks the state"),
    ("gives_a_credential", wrong.KeepsNothing, "there is no new credential"),
    ("takes_one_login_once", wrong.TakesItAgain, "the same query again: expected LoginError"),
    ("refuses_bad_logins", wrong.Trips, "KeyError"),
    ("refuses_bad_logins", wrong.TakesAnything, "changed the credential"),
    ("survives_the_brokers_troubles", wrong.RaisesAnything, "ClientResponseError"),
    ("keeps_secrets", wrong.ShowsTheToken, "Logged in with <the secret>"),
    ("keeps_secrets", wrong.ShowsTheSecret, "<the secret>"),
]


@pytest.mark.parametrize(
    ("name", "login", "word"),
    [pytest.param(*row, id=f"{row[0]}-{row[1].__name__}") for row in BROKEN],
)
def test_a_login_that_breaks_a_promise_fails_its_check(name, login, word) -> None:
    result = hold(contract_of(login), name)
    assert (result.outcome, word in result.why) == (Outcome.FAILED, True), result.why


def test_every_check_is_failed_by_some_login() -> None:
    assert {check.name for check in checks_of(LoginContract).values()} == {row[0] for row in BROKEN}


def test_troubles_that_do_not_apply_are_said_with_their_reason() -> None:
    contract = contract_of(wrong.Sound, does_not_apply={"troubles": "it asks nobody"})
    result = hold(contract, "survives_the_brokers_troubles")
    assert (result.outcome, result.why) == (Outcome.DOES_NOT_APPLY, "it asks nobody")


@pytest.mark.parametrize(
    ("name", "more", "word"),
    [
        ("gives_a_credential", {"came_back": LoginContract.came_back}, "override `came_back`"),
        ("refuses_bad_logins", {"bad_queries": ()}, "`bad_queries`"),
        ("survives_the_brokers_troubles", {"good_query": {}}, "`good_query`"),
    ],
)
def test_a_contract_that_does_not_say_how_shows_nothing(name, more, word) -> None:
    result = hold(contract_of(wrong.Sound, **more), name)
    assert (result.outcome, word in result.why) == (Outcome.NOT_SHOWN, True), result.why
