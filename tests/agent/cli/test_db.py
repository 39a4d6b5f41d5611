"""`openbell db`, as an operator calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent.cli.program import program
from agent.store.journal import Entry, Journal


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A configuration whose secrets are elsewhere, and a journal."""
    config = tmp_path / "agent.toml"
    config.write_text('data = "kept"\n[machines.auth]\napi_secret = "${NOT_HERE}"\n')
    Journal(tmp_path / "kept" / "journal.sqlite").open()
    return config


def call(*arguments: object) -> Result:
    return CliRunner().invoke(program, ["db", *map(str, arguments)])


def test_a_good_journal_is_said_to_be_good(desk) -> None:
    result = call("check", "-c", desk)
    assert result.exit_code == 0
    assert result.output.startswith(f"{desk.parent / 'kept' / 'journal.sqlite'}: good\n")
    assert "transitions" in result.output
    body = json.loads(call("check", "-c", desk, "--json").output)
    assert (body["is_sound"], body["holdings"]["outbox"]["rows"]) == (True, 0)


async def test_what_waits_to_be_shipped_is_counted_where_something_does(desk) -> None:
    path = desk.parent / "kept" / "journal.sqlite"
    assert "shipments" not in call("check", "-c", desk).output
    journal = Journal(path, run="run")
    journal.open()
    journal.start()
    journal.append(Entry(values=(("silences", "[]"),)))
    await journal.close()
    assert "  shipments    1\n" in call("check", "-c", desk).output


def test_a_bad_one_exits_1_and_a_missing_one_2(desk) -> None:
    path = desk.parent / "other.sqlite"
    path.write_bytes(b"no database at all" * 500)
    bad = call("check", "--journal", path)
    assert (bad.exit_code, "not a database" in bad.output) == (1, True)
    missing = call("check", "--journal", desk.parent / "missing.sqlite")
    assert (missing.exit_code, missing.output.count("\n")) == (2, 1)


def test_a_backup_is_made_once_and_can_be_checked(desk) -> None:
    copy = desk.parent / "copy.sqlite"
    assert call("backup", "-c", desk, copy).output.startswith(f"{copy}: good\n")
    assert call("check", "--journal", copy).exit_code == 0
    again = call("backup", "-c", desk, copy)
    assert (again.exit_code, "already" in again.output) == (2, True)
