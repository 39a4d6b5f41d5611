"""Holds plugins to their contracts without pytest, check by check."""

from __future__ import annotations

from collections.abc import Iterator

from agent.testing.contract import Contract, DoesNotApply, NotShown, checks_of
from agent.testing.grading import Outcome, Result


def examine(contract: type[Contract]) -> Iterator[Result]:
    """Do every check of a contract; one result each, as it comes."""
    subject = f"{contract.kind} ({contract.__name__})"
    for method, check in checks_of(contract).items():
        outcome, why = _try(contract, method)
        yield Result(subject, check, outcome, why)


def hold(contract: type[Contract], name: str) -> Result:
    """Do one check, by its name."""
    method, check = next(found for found in checks_of(contract).items() if found[1].name == name)
    return Result(contract.kind, check, *_try(contract, method))


def _try(contract: type[Contract], method: str) -> tuple[Outcome, str]:
    try:
        getattr(contract(), method)()
    except DoesNotApply as reason:
        return Outcome.DOES_NOT_APPLY, str(reason).removeprefix("does not apply: ")
    except NotShown as reason:
        return Outcome.NOT_SHOWN, str(reason)
    except AssertionError as error:
        return Outcome.FAILED, str(error)
    except Exception as error:  # noqa: BLE001 - the fence around a plugin and its tests
        return Outcome.FAILED, f"{type(error).__name__}: {error}"
    return Outcome.PASSED, ""
