"""What people do about a problem: explain it, acknowledge it, silence it, and run it again later."""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from agent.config.loading import load
from agent.runtime.replay import Replay
from agent.store.rows import Received, read_report


@pytest.fixture
async def desk(open_desk):
    """A desk that is live, with a page session, as its operator has it."""
    desk = await open_desk()
    await desk.login()
    await desk.live()
    return desk


async def test_an_incident_has_its_timeline_and_its_acknowledgement(desk) -> None:
    await desk.sim("feed", fault="stall")
    await desk.code("FEED_STALE")
    incident = await desk.open_incident("FEED_STALE")
    assert incident["acknowledged"] is None
    body = {"who": "asha", "why": "the exchange has told us"}
    status, taken = await desk.post(f"/api/system/incidents/{incident['id']}/ack", json=body)
    assert (status, taken["acknowledged"]["who"]) == (200, "asha")
    await desk.sim("feed", fault=None)
    await desk.live()
    await desk.recorded(incident["id"], "closed")
    whole = await desk.get(f"/api/system/incidents/{incident['id']}")
    assert whole["closed_at"] > whole["opened_at"]
    assert whole["acknowledged"]["why"] == "the exchange has told us"
    edges = [(row["subject"], row["after"]) for row in whole["timeline"]]
    for edge in (
        ("incident", "open"),
        ("lead", "FEED_STALE"),
        ("incident", "acknowledged"),
        ("incident", "closed"),
    ):
        assert edge in edges
    status, _ = await desk.post(f"/api/system/incidents/{incident['id']}/ack", json=body)
    assert status == 404


async def test_a_silence_is_listed_shown_and_ended_by_command(desk, start) -> None:
    config = str(desk.program.folder / "desk" / "agent.toml")
    what = ["--rule", "feed-stale", "--for", "1h", "--why", "line test", "--who", "asha"]
    asked = await start("silence", "-c", config, "--url", desk.url, *what, "--json")
    assert await asked.ended() == 0, asked.output
    silence = json.loads("".join(asked.output))
    await desk.sim("feed", fault="stall")
    stale = await desk.code("FEED_STALE")
    [problem] = [p for p in stale["problems"] if p["rule"] == "feed-stale"]
    assert (problem["phase"], problem["silenced_by"]) == ("silenced", silence["id"])
    explained = await start("explain", "-c", config, "--url", desk.url)
    assert await explained.ended() == 0
    said = "".join(explained.output)
    assert f"silenced by {silence['id']}" in said
    assert "← the answer" in said
    ended = await start("silence", "-c", config, "--url", desk.url, "--end", silence["id"])
    assert await ended.ended() == 0
    await desk.until(
        lambda d: any(p["rule"] == "feed-stale" and p["phase"] == "active" for p in d["problems"])
    )


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        pytest.param({"who": "a", "why": "b", "duration": "1h"}, 422, "name a rule", id="of everything"),
        pytest.param(
            {"who": "a", "why": "b", "duration": "25h", "rule": "feed-stale"}, 422, "duration", id="too long"
        ),
        pytest.param(
            {"who": "a", "why": "b", "duration": "1h", "rule": "x"}, 422, "feed-stale", id="no rule"
        ),
        pytest.param(
            {"who": "", "why": "b", "duration": "1h", "rule": "feed-stale"}, 422, "who", id="nobody"
        ),
        pytest.param({"rule": "feed-stale"}, 422, "why", id="for no reason"),
    ],
)
async def test_a_silence_that_makes_no_sense_is_refused(desk, body, status, word) -> None:
    found, answer = await desk.post("/api/system/silences", json=body)
    assert found == status
    assert word in json.dumps(answer)
    assert (await desk.get("/api/system/silences"))["silences"] == []


async def test_only_who_may_steer_steers(desk) -> None:
    desk.session.cookie_jar.clear()
    body = {"who": "a", "why": "b", "duration": "1h", "rule": "feed-stale"}
    assert (await desk.post("/api/system/silences", json=body))[0] == 401
    assert (await desk.post("/api/system/incidents/x/ack", json={"who": "a", "why": "b"}))[0] == 401
    async with desk.session.delete(f"{desk.url}/api/system/silences/x") as answer:
        assert answer.status == 401


async def test_every_rule_is_explained(desk) -> None:
    rules = (await desk.get("/api/system/explain"))["rules"]
    found = {rule["rule"]: rule for rule in rules}
    assert found["session-live"]["leads"]
    assert found["feed-stale"]["matched"] is False
    assert found["feed-stale"]["looked_at"][0] == {
        "wanted": "STALE", "holds": False, "machines": {"feed": "CONNECTED (TICKING)"}
    }  # fmt: skip
    assert "deadline" in found["login-before-open"]["held_back"][0]


async def test_a_silence_outlives_a_restart(desk, open_desk) -> None:
    body = {"who": "asha", "why": "w", "duration": "10h", "machine": "feed"}
    status, silence = await desk.post("/api/system/silences", json=body)
    assert status == 201
    assert await desk.program.stop() == 0
    again = await open_desk("2026-11-23T10:10:00+05:30")
    [kept] = (await again.get("/api/system/silences"))["silences"]
    assert (kept["id"], kept["active"]) == (silence["id"], True)


async def test_a_recorded_time_runs_through_other_rules(desk, start) -> None:
    await desk.sim("feed", fault="stall")
    await desk.code("FEED_STALE")
    await desk.sim("feed", fault=None)
    await desk.live()
    history = await desk.history()
    assert await desk.program.stop() == 0
    folder = desk.program.folder / "desk"
    journal = str(folder / "data" / "journal.sqlite")
    same = await start("backtest", "--journal", journal, "--config", str(folder / "agent.toml"), "--json")
    assert await same.ended() == 0, same.output
    sent = json.loads("".join(same.output))["sent"]
    assert [one["code"] for one in sent] == ["AUTH_REQUIRED", "LIVE", "FEED_STALE", "LIVE"]
    leads = [(row["after"], row["at"]) for row in reversed(history) if row["subject"] == "lead"]
    replayed = _replayed(folder, datetime.fromisoformat(leads[-1][1]))
    assert [code for code, _ in replayed] == [code for code, _ in leads]
    late = [_between(one, other) for (_, one), (_, other) in zip(replayed, leads, strict=True)]
    assert max(late) < timedelta(seconds=1), "a timer of the running agent may be late, a replay never is"
    assert min(late) >= timedelta(0)

    calm = folder / "calm.toml"
    text = (folder / "agent.toml").read_text()
    before, mark, after = text.partition('id = "feed-stale"')
    calm.write_text(before + mark + after.replace('severity = "critical"', 'severity = "info"', 1))
    other = await start(
        "backtest",
        "--journal",
        journal,
        "--config",
        str(calm),
        "--against",
        str(folder / "agent.toml"),
        "--json",
    )
    assert await other.ended() == 0, other.output
    found = json.loads("".join(other.output))
    assert "FEED_STALE" not in [one["code"] for one in found["sent"]]
    assert "FEED_STALE" in [one["code"] for one in found["not_sent"]]


def _between(earlier: str, later: str) -> timedelta:
    return datetime.fromisoformat(later) - datetime.fromisoformat(earlier)


def _replayed(folder: Path, end: datetime) -> list[tuple[str, str]]:
    """The leading codes that the journal's reports lead to, and when."""
    connection = sqlite3.connect(folder / "data" / "journal.sqlite")
    rows = connection.execute("SELECT at, machine, body FROM report ORDER BY id").fetchall()
    connection.close()
    received = [
        Received(datetime.fromisoformat(at), machine, read_report(body)) for at, machine, body in rows
    ]
    replay = Replay(load(folder / "agent.toml"), received[0].at)
    moments = [*replay.feed([one for one in received if one.at <= end]), *replay.run_until(end)]
    led = [(m.document.code, m.at.isoformat()) for m in moments if m.document is not None]
    return [one for one in led if one[0] != "STARTING"]
