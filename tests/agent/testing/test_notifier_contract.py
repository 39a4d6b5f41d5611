"""Every check of the notifiers' contract passes a sound notifier, and fails one that breaks its promise."""

from __future__ import annotations

import sys

import pytest

from agent.testing import CANARY, NotifierContract, Trouble
from agent.testing.contract import checks_of
from agent.testing.examining import hold
from agent.testing.grading import Outcome

from . import wrong_notifiers as wrong


class SoundContract(NotifierContract):
    plugin = wrong.__name__
    kind = "Sound"
    pace = 40
    permanent = frozenset({Trouble.UNAUTHORIZED})

    def settings(self, url):
        return {"url": url, "token": CANARY}

    def key_of(self, request) -> str:
        return request.headers["Key"]


def contract_of(notifier: type, **more: object) -> type[NotifierContract]:
    """The contract, with little patience, for a notifier that will not keep it."""
    assert sys.modules[wrong.__name__] is wrong
    return type("Impatient", (SoundContract,), {"kind": notifier.__name__, "patience_s": 0.6, **more})


class TestSound(SoundContract):
    pass


BROKEN = [
    ("tells_every_type", wrong.Pretends, "nothing arrived"),
    ("tells_any_notice", wrong.WantsAnIncident, "without incident"),
    ("has_one_key_for_one_notice", wrong.MakesNewKeys, "expected two keys"),
    ("send_obeys_cancel", wrong.KeepsOn, "goes on after it was cancelled"),
    ("holds_up_nobody", wrong.BlocksTheLoop, "held up everybody"),
    ("leaves_nothing_behind", wrong.LeavesATask, "the task"),
    ("keeps_secrets", wrong.ShowsItsToken, "<the secret>"),
    *[(f"classes_{trouble}", wrong.RaisesAnything, "expected DeliveryError") for trouble in Trouble],
    ("classes_5xx", wrong.GivesUp, "may be over at the next attempt"),
    ("classes_401", wrong.Hopes, "permanent is False"),
    ("classes_429", wrong.Hopes, "retry_after has none"),
]


@pytest.mark.parametrize(
    ("name", "notifier", "word"),
    [pytest.param(*row, id=f"{row[0]}-{row[1].__name__}") for row in BROKEN],
)
def test_a_notifier_that_breaks_a_promise_fails_its_check(name, notifier, word) -> None:
    result = hold(contract_of(notifier), name)
    assert (result.outcome, word in result.why) == (Outcome.FAILED, True), result.why


def test_every_check_is_failed_by_some_notifier() -> None:
    assert {check.name for check in checks_of(NotifierContract).values()} == {row[0] for row in BROKEN}


def test_a_contract_without_a_key_shows_nothing() -> None:
    result = hold(contract_of(wrong.Sound, key_of=NotifierContract.key_of), "has_one_key_for_one_notice")
    assert (result.outcome, "override `key_of`" in result.why) == (Outcome.NOT_SHOWN, True)
