"""What the checks of a plugin come to: a grade for its README. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote

from agent.testing.contract import Check


class Outcome(StrEnum):
    """How one check went."""

    PASSED = "passed"
    DOES_NOT_APPLY = "does not apply"
    NOT_SHOWN = "not shown"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Result:
    """One check of one kind, how it went, and why."""

    subject: str
    check: Check
    outcome: Outcome
    why: str = ""


class Grade(StrEnum):
    """From best to worst."""

    A = "A"
    B = "B"
    C = "C"
    F = "F"

    @property
    def meaning(self) -> str:
        return _MEANINGS[self]

    @property
    def is_good(self) -> bool:
        """Whether nothing failed."""
        return self in (Grade.A, Grade.B)


_MEANINGS = {
    Grade.A: "every check passed, or does not apply for a reason that the author gives",
    Grade.B: "no check failed, and some could not be tried, because no contract says how",
    Grade.C: "a check failed that costs the plugin's own answers only",
    Grade.F: "a check failed that costs others: a leak, a secret, a hang, or a report that is none",
}
_COLORS = {Grade.A: "brightgreen", Grade.B: "green", Grade.C: "yellow", Grade.F: "red"}


def grade(results: Sequence[Result]) -> Grade:
    """The grade of these results; of none at all, the worst."""
    failed = [one for one in results if one.outcome is Outcome.FAILED]
    if not results or any(one.check.vital for one in failed):
        return Grade.F
    if failed:
        return Grade.C
    return Grade.B if _any(results, Outcome.NOT_SHOWN) else Grade.A


def badge(earned: Grade) -> str:
    """A line of Markdown for the README."""
    label = quote("openbell conformance")
    return (
        f"![openbell conformance {earned}](https://img.shields.io/badge/{label}-{earned}-{_COLORS[earned]})"
    )


def _any(results: Iterable[Result], outcome: Outcome) -> bool:
    return any(one.outcome is outcome for one in results)
