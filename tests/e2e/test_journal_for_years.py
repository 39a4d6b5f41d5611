"""A journal of an older program, years of it: brought forward, pruned, looked at and copied while it runs."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from agent.store.files import connect
from agent.store.migrations import STEPS, bring_forward, schema_of

SHIPPED = (Path(__file__).parents[2] / "agent.toml").read_text()
OLD, YOUNG = "2026-11-22T04:00:00+00:00", "2026-11-23T04:00:00+00:00"


def prepare(folder: Path) -> Path:
    (folder / "data").mkdir(parents=True)
    (folder / "agent.toml").write_text(SHIPPED + '\n[store]\nkeep_reports = "1h"\n')
    path = folder / "data" / "journal.sqlite"
    connection = connect(path, 0.0)
    bring_forward(connection, path, STEPS[:2])
    body = '{"state": "CONNECTED", "reason": "TICKING", "observed_at": "2026-11-22T04:00:00+00:00"}'
    rows = [(OLD, "feed", body)] * 2000 + [(YOUNG, "feed", body)]
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO report (at, machine, body) VALUES (?, ?, ?)", rows)
    connection.execute("COMMIT")
    connection.close()
    return path


def count(path: Path, at: str) -> int:
    connection = sqlite3.connect(path)
    ((found,),) = connection.execute("SELECT count(*) FROM report WHERE at = ?", (at,)).fetchall()
    connection.close()
    return int(found)


async def test_an_old_journal_is_brought_forward_pruned_checked_and_copied_in_use(
    open_desk, start, tmp_path
) -> None:
    path = prepare(tmp_path / "desk")
    copy = tmp_path / "copy.sqlite"
    desk = await open_desk(data=tmp_path / "desk")
    config = str(tmp_path / "desk" / "agent.toml")
    former = path.with_name(f"{path.name}.before-{len(STEPS)}")
    assert (count(former, OLD), count(former, YOUNG)) == (2000, 1)

    backup = await start("db", "backup", "-c", config, str(copy))
    assert await backup.ended() == 0, backup.output
    await desk.eventually(lambda: count(path, OLD) == 0)
    assert (count(path, YOUNG), count(copy, YOUNG)) == (1, 1)
    check = await start("db", "check", "-c", config)
    assert await check.ended() == 0, check.output
    assert f"{path}: good" in "".join(check.output)
    health = await desk.get()
    assert health["machines"]["agent"]["measures"]["journal_bytes"] > 100_000
    assert await desk.program.stop() == 0

    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    folder = str(tmp_path / "desk")
    older = await start("demo", "--port", "0", "--broker-port", "0", "--data-dir", folder)
    assert await older.ended() == 2
    [line] = [one for one in older.output if not one.startswith("warning: ")]
    assert line.startswith(f"{path}: this journal has schema 99, and this program knows {len(STEPS)}: ")
    assert former.name in line
    connection = sqlite3.connect(path)
    assert schema_of(connection) == 99
    connection.close()
