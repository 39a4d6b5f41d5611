"""The report of a feed: its verdict, the ages behind it, and what can be counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from agent.api import Report
from plugins.feed import wording
from plugins.feed.canaries import Canary
from plugins.feed.dialect import Tally
from plugins.feed.watch import Link, Watch
from plugins.feed.watchdog import Decision

When = Callable[[float], datetime]
"""From monotonic seconds to the instant shown to people."""


def describe(watch: Watch, decision: Decision, tally: Tally, now: float, when: When) -> Report:
    """The report at `now`."""
    verdict = decision.verdict
    return Report(
        state=verdict.state,
        reason=verdict.reason,
        message=verdict.message,
        observed_at=when(now),
        attributes=_attributes(watch, decision, tally, now, when),
        measures=_measures(watch, tally, now),
    )


def _attributes(
    watch: Watch, decision: Decision, tally: Tally, now: float, when: When
) -> Mapping[str, object]:
    attributes: dict[str, object] = {
        "connection": _connection(watch, decision, when),
        "canaries": {c.name: _canary(c, now) for c in watch.basket.canaries},
        "expected": watch.expectation.value,
        "credential_generation": watch.generation or None,
        "one_drop_away": wording.is_one_drop_away(watch),
    }
    missing = list_missing(watch, tally, now)
    if missing:
        attributes["missing_instruments"] = missing
    if tally.said:
        attributes["broker_says"] = tally.said
    return attributes


def list_missing(watch: Watch, tally: Tally, now: float) -> list[str]:
    """The instruments that nothing came for since they were subscribed to, after a grace."""
    if watch.link is not Link.OPEN or watch.subscribed_at is None:
        return []
    if now < watch.subscribed_at + watch.limits.stale_after:
        return []
    return list(tally.unanswered.values())


def _connection(watch: Watch, decision: Decision, when: When) -> Mapping[str, object]:
    is_open = watch.link is Link.OPEN
    waits = watch.link is Link.DOWN and decision.at is not None
    return {
        "open": is_open,
        "opened_at": _iso(watch.opened_at if is_open else None, when),
        "attempts": 0 if is_open and watch.is_heard else watch.attempts.failures,
        "next_attempt_at": _iso(decision.at if waits else None, when),
        "cures": watch.cure.count,
    }


def _canary(canary: Canary, now: float) -> Mapping[str, object]:
    stamp = None
    if canary.stamp is not None:
        stamp = datetime.fromtimestamp(canary.stamp, UTC).isoformat()
    age = None if canary.fresh_at is None else round(now - canary.fresh_at, 3)
    return {"token": canary.token, "exchange_timestamp": stamp, "age_s": age}


def _measures(watch: Watch, tally: Tally, now: float) -> Mapping[str, float]:
    measures: dict[str, float] = {
        "packets": tally.total_packets,
        "frames": tally.frames,
        "malformed_frames": tally.malformed,
        "implausible_timestamps": watch.basket.implausible,
        "attempts": watch.attempts.made,
        "reconnects": max(0, watch.attempts.opened - 1),
    }
    is_open = watch.link is Link.OPEN
    ages = {
        "heartbeat_age_s": watch.heard_at if is_open else None,
        "transport_age_s": watch.pong_at if is_open else None,
        "tick_age_s": watch.basket.fresh_at,
    }
    measures |= {name: round(now - at, 3) for name, at in ages.items() if at is not None}
    if watch.basket.lag_s is not None:
        measures["lag_s"] = round(watch.basket.lag_s, 3)
    return measures


def _iso(at: float | None, when: When) -> str | None:
    return None if at is None else when(at).isoformat(timespec="milliseconds")
