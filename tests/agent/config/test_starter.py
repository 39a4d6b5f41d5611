"""The first file of a desk: what its feed looks for trades when its market does."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from agent.config.starter import Answers, configuration, wants_canaries


def feed(answers: Answers) -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads(configuration(answers))["machines"]["feed"]
    return found


@pytest.mark.parametrize("environment", ["simulated", "live"])
@pytest.mark.parametrize("segment", ["NSE_EQ", "NSE_EQ_FNO", "NSE_FO", "BSE_EQ"])
def test_shares_are_looked_for_where_shares_are_traded(segment: str, environment: str) -> None:
    answers = Answers(segment=segment, environment=environment)
    assert "canaries" not in configuration(answers)
    assert not wants_canaries(answers)


def test_the_simulated_broker_has_a_future_for_mcx() -> None:
    answers = Answers(segment="MCX")
    assert feed(answers)["canaries"] == {"GOLD26DECFUT": 108705031}
    assert not wants_canaries(answers)


@pytest.mark.parametrize(
    "answers",
    [Answers(segment="MCX", environment="live"), Answers(segment="NSE_CD"), Answers(segment="XNYS")],
    ids=lambda answers: answers.segment,
)
def test_elsewhere_a_person_has_to_say_what_and_the_file_says_so(answers: Answers) -> None:
    assert "canaries" not in feed(answers)
    assert f"while only {answers.segment} trades: name instruments of it" in configuration(answers)
    assert wants_canaries(answers)
