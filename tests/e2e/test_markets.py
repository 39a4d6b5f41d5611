"""Several markets at once: each leads the expectations of its own group, one names the document."""

from __future__ import annotations

from pathlib import Path

SHIPPED = (Path(__file__).parents[2] / "agent.toml").read_text()
EVENING = "2026-11-23T18:00:00+05:30"

TWO = """
[machines.mcx]
kind = "market"
segment = "MCX"
group = "metals"

[machines.metals-auth]
kind = "kite-login"
group = "metals"
credential = "kite"
api_key = "demo"
api_secret = "demo-secret"

[machines.metals-feed]
kind = "kite-feed"
group = "metals"
credential = "kite"
api_key = "demo"
stale_after = "2s"
canaries = { GOLD = 108705031 }
"""


async def test_in_the_evening_one_group_needs_data_and_the_other_does_not(open_desk, tmp_path) -> None:
    (tmp_path / "desk").mkdir()
    head, mark, tail = SHIPPED.partition("# --- who is told")
    (tmp_path / "desk" / "agent.toml").write_text(f'session = "market"\n{head}{TWO}{mark}{tail}')
    desk = await open_desk(EVENING)
    await desk.login()
    calm = await desk.until(
        lambda d: (
            d["ready"] and d["machines"]["metals-feed"]["state"] == "CONNECTED" and d["code"] == "CLOSED"
        )
    )
    machines = calm["machines"]
    assert (machines["market"]["state"], machines["mcx"]["state"]) == ("CLOSED", "LIVE")
    assert calm["market"]["state"] == "CLOSED"
    assert machines["feed"]["attributes"]["expected"] == "nothing"
    assert machines["metals-feed"]["attributes"]["expected"] == "data"

    await desk.sim("feed", fault="stall")
    stale = await desk.code("FEED_STALE")
    assert stale["cause"] == {
        "rule": "feed-stale", "group": "metals", "machine": "metals-feed", "reason": "NO_TICKS"
    }  # fmt: skip
    assert not [p for p in stale["problems"] if p["rule"] == "feed-stale" and p["group"] is None]
    await desk.sim("feed", fault=None)
    await desk.code("CLOSED")
