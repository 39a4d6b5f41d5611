"""The watchdog: an event and the time in; a verdict, a wished action and the next instant out.

It reads no clock and touches no socket, so that a recorded day can be replayed, and any
sequence of events be tried.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from plugins.feed import wording
from plugins.feed.canaries import Canary, silent, silent_at
from plugins.feed.changes import Moment, observe
from plugins.feed.events import Event
from plugins.feed.obstacles import Obstacle, find_obstacle
from plugins.feed.states import CURES, Action, Reason, State
from plugins.feed.watch import Cure, Link, Watch


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the feed stands, and why, in words for people."""

    state: State
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from a watch: `at` is when to ask again if nothing happens before.

    `None` means that time alone changes nothing: only a new credential does.
    """

    verdict: Verdict
    action: Action = Action.NONE
    at: float | None = None


def step(watch: Watch, event: Event, now: float, draw: float = 0.5) -> tuple[Watch, Decision]:
    """The watch after an event, and what follows from it; a feed that is well needs no cure."""
    watch = observe(watch, event, Moment(now, draw))
    decision = decide(watch, now)
    if decision.verdict.state is State.CONNECTED and watch.cure.ailment is not None:
        watch = replace(watch, cure=Cure())
    return watch, decision


def decide(watch: Watch, now: float) -> Decision:
    """What follows from a watch at an instant."""
    return _DECISIONS[watch.link](watch, now)


def _decide_down(watch: Watch, now: float) -> Decision:
    obstacle = find_obstacle(watch, now)
    verdict = _judge_down(watch, obstacle)
    if obstacle is not None:
        return Decision(verdict, at=obstacle.until)
    if watch.attempts.due <= now:
        return Decision(verdict, Action.CONNECT)
    return Decision(verdict, at=watch.attempts.due)


def _judge_down(watch: Watch, obstacle: Obstacle | None) -> Verdict:
    if obstacle is not None:
        return Verdict(State.DISCONNECTED, obstacle.reason, obstacle.message)
    if watch.cure.ailment is not None:
        return Verdict(State.STALE, watch.cure.ailment, wording.curing(watch))
    if watch.attempts.fault is None:
        return Verdict(State.CONNECTING, Reason.NO_HEARTBEAT, wording.connecting(watch))
    return Verdict(State.DISCONNECTED, watch.attempts.fault, wording.disconnected(watch))


def _decide_opening(watch: Watch, now: float) -> Decision:
    return Decision(_judge_opening(watch), at=watch.link_since + watch.limits.connect_timeout)


def _judge_opening(watch: Watch) -> Verdict:
    """Trying again after a failure is still being disconnected: a retry is no news."""
    if watch.cure.ailment is not None:
        return Verdict(State.STALE, watch.cure.ailment, wording.curing(watch))
    fault = watch.attempts.fault
    if fault is not None and watch.attempts.failures and watch.link is Link.OPENING:
        return Verdict(State.DISCONNECTED, fault, wording.disconnected(watch))
    return Verdict(State.CONNECTING, fault or Reason.NO_HEARTBEAT, wording.connecting(watch))


def _decide_open(watch: Watch, now: float) -> Decision:
    verdict = judge_open(watch, now)
    if watch.forced and find_obstacle(watch, now) is None:
        return Decision(verdict, Action.RECONNECT)
    instants = [at for at in _edges(watch) if at > now]
    is_judged = watch.is_heard or now >= heartbeat_due(watch)
    if verdict.state is State.STALE and is_judged:
        action, due = _choose_cure(watch, verdict.reason, now)
        if due <= now:
            return Decision(verdict, action)
        instants.append(due)
    return Decision(verdict, at=min(instants, default=None))


def judge_open(watch: Watch, now: float) -> Verdict:
    """How a feed with an open connection stands: heartbeat first, then ticks, then lag."""
    if now >= heartbeat_due(watch):
        return Verdict(State.STALE, Reason.NO_HEARTBEAT, wording.no_heartbeat(watch))
    if not watch.is_heard:
        return _judge_opening(watch)
    return _judge_ticks(watch, now) if watch.expects_data else _judge_well(watch, now)


def _judge_well(watch: Watch, now: float) -> Verdict:
    fresh_at = watch.basket.fresh_at
    ticking = fresh_at is not None and now < fresh_at + watch.limits.stale_after
    reason = Reason.TICKING if ticking else Reason.IDLE
    return Verdict(State.CONNECTED, reason, wording.connected(watch, reason))


def _judge_ticks(watch: Watch, now: float) -> Verdict:
    limits, basket = watch.limits, watch.basket
    mute = silent(basket.canaries, watch.data_since, now, limits.stale_after)
    in_grace = watch.cure.ailment is None and now < _grace_until(watch)
    if in_grace and (_is_unproven(watch) or len(mute) == len(basket.canaries)):
        return Verdict(State.CONNECTING, Reason.NO_TICKS, wording.AWAITING_TICKS)
    if len(mute) == len(basket.canaries):
        return _name_silence(watch, now, mute)
    if mute and not in_grace:
        return Verdict(State.STALE, Reason.PARTIAL, wording.partial(watch, mute))
    if now >= punctual_due(watch):
        return Verdict(State.STALE, Reason.LAGGING, wording.lagging(watch))
    return _judge_well(watch, now)


def _is_unproven(watch: Watch) -> bool:
    """Whether this connection was opened when data was already expected, and has yet to bring any."""
    fresh_at, opened_at = watch.basket.fresh_at, watch.opened_at
    late = opened_at is not None and opened_at > watch.data_since
    return late and (fresh_at is None or fresh_at < watch.data_since)


def _name_silence(watch: Watch, now: float, mute: tuple[Canary, ...]) -> Verdict:
    """No canary moves: because their timestamps stand still, or they are missing, or all is mute."""
    recent = now - watch.limits.stale_after
    if any(c.packet_at is not None and c.packet_at > recent for c in mute):
        return Verdict(State.STALE, Reason.LAGGING, wording.frozen(watch))
    if watch.basket.packet_at is not None and watch.basket.packet_at > recent:
        return Verdict(State.STALE, Reason.PARTIAL, wording.partial(watch, mute))
    return Verdict(State.STALE, Reason.NO_TICKS, wording.no_ticks(watch))


def _choose_cure(watch: Watch, ailment: Reason, now: float) -> tuple[Action, float]:
    """The cure whose turn it is, and when; no connection is given up that cannot be made again."""
    ladder, count = CURES[ailment], watch.cure.count
    action = ladder[min(count, len(ladder) - 1)]
    if action is Action.DROP or watch.cure.at is None:
        return action, now
    if action is Action.RECONNECT and find_obstacle(watch, now) is not None:
        action = Action.RESUBSCRIBE
    pause = min(watch.limits.cure_cap, watch.limits.stale_after * 2.0 ** min(count - 1, 30))
    return action, watch.cure.at + pause


def heartbeat_due(watch: Watch) -> float:
    """By when the next frame must come."""
    since = watch.link_since if watch.heard_at is None else max(watch.heard_at, watch.link_since)
    return since + watch.limits.heartbeat_after


def punctual_due(watch: Watch) -> float:
    """By when a tick must come whose lag is within the limit."""
    known = (watch.data_since, watch.subscribed_at, watch.basket.punctual_at)
    return max(at for at in known if at is not None) + watch.limits.stale_after


def _grace_until(watch: Watch) -> float:
    since = watch.link_since if watch.subscribed_at is None else watch.subscribed_at
    return since + watch.limits.stale_after


def _edges(watch: Watch) -> list[float]:
    """Every instant at which the verdict on an open connection can change by time alone."""
    limits, basket = watch.limits, watch.basket
    edges = [heartbeat_due(watch)]
    if basket.fresh_at is not None:
        edges.append(basket.fresh_at + limits.stale_after)
    if not watch.expects_data:
        return edges
    edges += [silent_at(c, watch.data_since, limits.stale_after) for c in basket.canaries]
    edges += [c.packet_at + limits.stale_after for c in basket.canaries if c.packet_at is not None]
    edges += [_grace_until(watch), punctual_due(watch)]
    return edges if basket.packet_at is None else [*edges, basket.packet_at + limits.stale_after]


_DECISIONS = {Link.DOWN: _decide_down, Link.OPENING: _decide_opening, Link.OPEN: _decide_open}
