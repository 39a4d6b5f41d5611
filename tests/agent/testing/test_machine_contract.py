"""Every check of the machines' contract passes a sound machine, and fails one that breaks its promise."""

from __future__ import annotations

import sys

import pytest
from aiohttp import web

from agent.testing import CANARY, StateMachineContract, Trouble
from agent.testing.contract import checks_of
from agent.testing.examining import examine, hold
from agent.testing.grading import Outcome

from . import wrong_machines as wrong

CLASSES = {
    Trouble.UNAUTHORIZED: "REFUSED",
    Trouble.FORBIDDEN: "REFUSED",
    Trouble.RATE_LIMITED: "LIMITED",
    Trouble.SERVER_ERROR: "BROKEN",
    Trouble.TIMEOUT: "SILENT",
    Trouble.DNS: "UNREACHABLE",
    Trouble.TLS: "UNREACHABLE",
}


class SoundContract(StateMachineContract):
    plugin = wrong.__name__
    kind = "Sound"
    healthy = ("UP", "FINE")
    credential = "broker"
    classes = CLASSES
    is_mute = False

    def settings(self, url):
        return {"url": url, "token": CANARY}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({"data": not self.is_mute})

    async def mute(self, exchange) -> None:
        self.is_mute = True


def contract_of(machine: type, **more: object) -> type[StateMachineContract]:
    """The contract for another machine, or told in another way."""
    assert sys.modules[wrong.__name__] is wrong
    return type("Impatient", (SoundContract,), {"kind": machine.__name__, **more})


class TestSound(SoundContract):
    pass


BROKEN = [
    ("says_only_what_it_declares", wrong.SaysOtherThings, "'SIDEWAYS' was not declared"),
    ("reports_survive_json", wrong.SaysWhatJsonHasNot, "(1, 2)"),
    ("keeps_secrets", wrong.ShowsInReport, "<the secret>"),
    ("keeps_secrets", wrong.ShowsInLog, "Authorization"),
    ("keeps_secrets", wrong.ShowsInError, "<the secret>"),
    ("becomes_healthy", wrong.NeverHealthy, "expected ('UP', 'FINE')"),
    ("probe_obeys_cancel", wrong.KeepsOn, "goes on after it was cancelled"),
    ("holds_up_nobody", wrong.BlocksTheLoop, "held up everybody"),
    ("holds_up_nobody", wrong.SticksInItsThread, "stuck in its thread"),
    ("starts_and_stops_twice", wrong.RunsOnce, "once is enough"),
    ("starts_and_stops_twice", wrong.RunsOn, "run() goes on"),
    ("leaves_nothing_behind", wrong.LeavesATask, "the task"),
    ("leaves_nothing_behind", wrong.LeavesAThread, "the thread"),
    ("leaves_nothing_behind", wrong.LeavesASocket, "open sockets"),
    ("takes_a_new_credential", wrong.ReadsItsCredentialOnce, "expected ('UP', 'FINE')"),
    ("detects_mute", wrong.HearsHeartbeatsOnly, "no data comes"),
    ("tries_nothing_unexpected", wrong.NeverRests, "nothing was expected"),
    ("tries_nothing_unexpected", wrong.NeverTries, "does not ask even when it should"),
    ("refuses_unknown_actions", wrong.DoesAnything, "an action that does not exist"),
    ("refuses_unknown_actions", wrong.ActsByTable, "expected ActionError"),
    *[(f"classes_{trouble}", wrong.TellsNothingApart, "expected ") for trouble in Trouble],
    ("classes_5xx", wrong.Hopes, "calls itself healthy"),
    ("classes_dns", wrong.GivesUpAtOnce, "nobody refused it"),
    ("classes_401", wrong.NeverGivesUp, "say so by `refuse` or `doubt`"),
]


IN_STEPS = {"detects_mute", "takes_a_new_credential", "starts_and_stops_twice", "tries_nothing_unexpected"}
"""In these something has to go well first."""

OUT_OF_PLACE = {
    "says_only_what_it_declares": {"troubles": "one weather shows it"},
    "reports_survive_json": {"troubles": "one weather shows it"},
    "keeps_secrets": {f"classes_{trouble}": "a 401 shows it" for trouble in list(Trouble)[1:]},
}


@pytest.mark.parametrize(
    ("name", "machine", "word"),
    [pytest.param(*row, id=f"{row[0]}-{row[1].__name__}") for row in BROKEN],
)
def test_a_machine_that_breaks_a_promise_fails_its_check(name, machine, word) -> None:
    patience_s = 1.5 if name in IN_STEPS else 0.4
    contract = contract_of(machine, patience_s=patience_s, does_not_apply=OUT_OF_PLACE.get(name, {}))
    result = hold(contract, name)
    assert (result.outcome, word in result.why) == (Outcome.FAILED, True), result.why


def test_every_check_is_failed_by_some_machine() -> None:
    assert {check.name for check in checks_of(StateMachineContract).values()} == {row[0] for row in BROKEN}


@pytest.mark.parametrize(
    ("name", "more", "word"),
    [
        ("becomes_healthy", {"healthy": None}, "`healthy = (state, reason)`"),
        ("classes_429", {"classes": {}}, "Trouble.RATE_LIMITED"),
        ("detects_mute", {"mute": StateMachineContract.mute}, "override `mute`"),
        ("takes_a_new_credential", {"credential": None}, "`credential = "),
        ("keeps_secrets", {"settings": lambda self, url: {"url": url, "token": "t"}}, "agent.testing.CANARY"),
        ("becomes_healthy", {"settings": lambda self, url: {"url": url}}, "token: Field required"),
        ("becomes_healthy", {"plugin": ""}, "say `plugin`"),
    ],
)
def test_a_contract_that_does_not_say_how_shows_nothing(name, more, word) -> None:
    more = {"does_not_apply": OUT_OF_PLACE.get(name, {}), **more}
    result = hold(contract_of(wrong.Sound, **more), name)
    assert (result.outcome, word in result.why) == (Outcome.NOT_SHOWN, True), result.why


def test_what_does_not_apply_is_said_with_its_reason() -> None:
    contract = contract_of(wrong.Sound, does_not_apply={"troubles": "it asks nobody"})
    result = hold(contract, "classes_dns")
    assert (result.outcome, result.why) == (Outcome.DOES_NOT_APPLY, "it asks nobody")


@pytest.mark.parametrize(
    ("exceptions", "word"),
    [({"becomes_rich": "it does not"}, "no check 'becomes_rich'"), ({"detects_mute": " "}, "but why")],
)
def test_an_exception_names_a_check_and_a_reason(exceptions, word) -> None:
    with pytest.raises(TypeError, match=word):
        contract_of(wrong.Sound, does_not_apply=exceptions)


def test_a_vital_promise_has_no_exception() -> None:
    with pytest.raises(TypeError, match="applies to every"):
        contract_of(wrong.Sound, does_not_apply={"reports_survive_json": "it has an odd taste"})


def test_a_plugin_that_cannot_be_loaded_fails() -> None:
    result = hold(contract_of(wrong.Sound, plugin="no_such_module"), "becomes_healthy")
    assert (result.outcome, "no_such_module" in result.why) == (Outcome.FAILED, True)


def test_a_kind_that_is_not_offered_fails_with_those_that_are() -> None:
    missing = type("Missing", (wrong.Sound,), {})
    result = hold(contract_of(missing), "becomes_healthy")
    assert "offers no machine 'Missing'; it offers: ActsByTable" in result.why


def test_the_checks_come_in_the_order_of_the_contract() -> None:
    contract = contract_of(wrong.Sound, plugin="no_such_module")
    assert next(examine(contract)).check.name == "says_only_what_it_declares"
