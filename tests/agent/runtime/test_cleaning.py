"""What plugins say is cleaned of secrets before it goes any further."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from agent.model import Report
from agent.runtime.cleaning import clean_report
from agent.runtime.redaction import Redactor

NOW = datetime(2026, 11, 23, 4, 30, tzinfo=UTC)
clean = Redactor(["canary-1234"]).clean


def report(message: str = "fine", **attributes: object) -> Report:
    return Report(state="VALID", reason="R", observed_at=NOW, message=message, attributes=attributes)


def test_a_report_without_secrets_stays_the_very_same() -> None:
    innocent = report("The broker accepts the token", proofs=[{"by": "profile", "age_s": 1}])
    assert clean_report(innocent, clean) is innocent


@pytest.mark.parametrize(
    ("told", "cleaned"),
    [
        pytest.param(report("told canary-1234 off"), report("told *** off"), id="in the message"),
        pytest.param(report(url="x?canary-1234"), report(url="x?***"), id="in an attribute"),
        pytest.param(
            report(a=[{"b": ["canary-1234", 1, None]}]), report(a=[{"b": ["***", 1, None]}]), id="deep in one"
        ),
        pytest.param(report(**{"canary-1234": 1}), report(**{"***": 1}), id="in a name"),
        pytest.param(report(a={"canary-1234": 1}), report(a={"***": 1}), id="in a name within"),
    ],
)
def test_a_secret_is_masked_wherever_it_stands(told: Report, cleaned: Report) -> None:
    assert clean_report(told, clean) == cleaned
