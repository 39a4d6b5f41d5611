"""Golden days: stories in `tests/cases`, each with the answers and notices that it must lead to."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from difflib import unified_diff
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from agent.config.blueprint import Blueprint
from agent.config.loading import load
from agent.model import UNKNOWN, CoreReason
from agent.runtime.replay import NOBODY, Replay
from agent.store.rows import Received, read_report

CASES = Path(__file__).parents[2] / "cases"
DAYS = sorted(folder for folder in CASES.iterdir() if folder.is_dir())
ZONE = ZoneInfo("Asia/Kolkata")

every_day = pytest.mark.parametrize("day", DAYS, ids=lambda day: day.name)


@dataclass(frozen=True)
class Told:
    """A day's leading answers and its notices, a line each."""

    answers: list[str]
    notices: list[str]

    @property
    def lines(self) -> list[str]:
        return ["answers", *self.answers, "notices", *self.notices]


@every_day
def test_a_golden_day_leads_to_its_answers_and_notices(day: Path) -> None:
    wanted, until = expected(day)
    found = lived(load(day / "agent.toml", {}), reports(day), until)
    difference = unified_diff(wanted.lines, found.lines, "expected.json", "replayed", n=99, lineterm="")
    assert found == wanted, "\n".join((f"{day.name} went otherwise:", *difference))


@every_day
def test_a_golden_day_is_told_in_order_and_in_words_that_its_machines_have(day: Path) -> None:
    blueprint = load(day / "agent.toml", {})
    machines = {machine.name: machine for machine in blueprint.ruleset.machines}
    received = reports(day)
    assert [one.at for one in received] == sorted(one.at for one in received)
    for one in received:
        machine = machines[one.machine]
        assert one.report.state in machine.states | {UNKNOWN}, one
        assert one.report.reason in machine.reasons | set(CoreReason), one


@every_day
def test_a_golden_day_tells_its_story(day: Path) -> None:
    assert len((day / "README.md").read_text(encoding="utf-8").split()) > 30


def reports(day: Path) -> list[Received]:
    """What the machines said, from `reports.jsonl`."""
    lines = (day / "reports.jsonl").read_text(encoding="utf-8").splitlines()
    return [_received(json.loads(line)) for line in lines]


def _received(line: dict) -> Received:
    return Received(
        datetime.fromisoformat(line["at"]), line["machine"], read_report(json.dumps(line["report"]))
    )


def expected(day: Path) -> tuple[Told, datetime]:
    """What a person wrote down for the day, and until when it is looked at."""
    read = json.loads((day / "expected.json").read_text(encoding="utf-8"))
    at = datetime.fromisoformat
    return (
        Told(
            [_line(at(one["at"]), one["code"], one["severity"]) for one in read["answers"]],
            [
                _line(at(one["at"]), one["type"], one["reason"], one["code"], *one.get("to", [NOBODY]))
                for one in read["notices"]
            ],
        ),
        at(read["until"]),
    )


def lived(blueprint: Blueprint, received: list[Received], until: datetime) -> Told:
    """What the line says to the day's reports."""
    replay = Replay(blueprint, received[0].at)
    told = Told([], [])
    for moment in (*replay.feed(received), *replay.run_until(until)):
        if moment.document is not None:
            told.answers.append(_line(moment.at, moment.document.code, moment.document.severity))
        told.notices.extend(
            _line(one.notice.created_at, one.notice.type, one.notice.reason, one.notice.code, *sorted(one.to))
            for one in moment.dispatches
        )
    return told


def _line(at: datetime, *words: str) -> str:
    return " ".join((at.astimezone(ZONE).isoformat(" ", "milliseconds"), *words))
