"""`openbell plugins test`: holds a plugin package to its contracts, and grades it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import click

from agent.cli.options import json_option

if TYPE_CHECKING:
    from agent.testing.grading import Grade, Result

EXIT_FAILED = 1


@click.command()
@click.argument("package")
@json_option
def test(package: str, as_json: bool) -> None:
    """Do every check of the contracts in PACKAGE's tests, and say its grade.

    PACKAGE is a folder with a pyproject.toml, or the name of an installed plugin. A kind without a
    contract is held to one all the same, with the settings of the package's sample.toml.
    Exit code 0 for the grades A and B, 1 for C and F, 2 if it cannot be loaded.
    """
    from agent.testing.grading import grade

    results = list(_said(_results(package), silently=as_json))
    earned = grade(results)
    if as_json:
        click.echo(json.dumps({"grade": earned, "checks": [_row(one) for one in results]}, indent=2))
    else:
        _sum_up(earned, results)
    sys.exit(0 if earned.is_good else EXIT_FAILED)


def _results(package: str) -> Iterator[Result]:
    from agent.testing.examining import examine
    from agent.testing.finding import contracts_of, open_package

    for contract in contracts_of(open_package(package)):
        yield from examine(contract)


def _said(results: Iterable[Result], *, silently: bool) -> Iterator[Result]:
    """The results, each told as it comes."""
    subject = None
    for one in results:
        if not silently and one.subject != subject:
            click.echo(f"\n{one.subject}")
        subject = one.subject
        if not silently:
            why = f": {one.why}" if one.why else ""
            click.echo(f"  {one.outcome:<14}  {one.check.title}{why}")
        yield one


def _sum_up(earned: Grade, results: list[Result]) -> None:
    from agent.testing.grading import Outcome, badge

    counts = {outcome: sum(one.outcome is outcome for one in results) for outcome in Outcome}
    told = ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count)
    click.echo(f"\n{told or 'nothing was found to check'}")
    click.echo(f"grade {earned}: {earned.meaning}\n{badge(earned)}")


def _row(one: Result) -> dict[str, object]:
    return {
        "subject": one.subject,
        "check": one.check.name,
        "title": one.check.title,
        "vital": one.check.vital,
        "outcome": one.outcome,
        "why": one.why,
    }
