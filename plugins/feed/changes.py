"""How each event changes what is known of a feed; nothing is decided here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from agent.api import Expectation, Verdict
from plugins.feed import canaries, events
from plugins.feed.backoff import pause_after
from plugins.feed.obstacles import find_obstacle
from plugins.feed.states import CURES, Reason
from plugins.feed.watch import Cure, Link, Standing, Watch

LINKS: dict[tuple[Link, type[events.Event]], Link] = {
    (Link.DOWN, events.Opening): Link.OPENING,
    (Link.OPENING, events.Opened): Link.OPEN,
    (Link.OPENING, events.Refused): Link.DOWN,
    (Link.OPENING, events.Failed): Link.DOWN,
    (Link.OPENING, events.Closed): Link.DOWN,
    (Link.OPEN, events.Closed): Link.DOWN,
    (Link.OPEN, events.Subscribed): Link.OPEN,
    (Link.OPEN, events.Heard): Link.OPEN,
    (Link.OPEN, events.Ponged): Link.OPEN,
}
"""The life of a connection. An event that has no row here comes too late, and changes nothing."""

_OF_THE_LINK = frozenset(kind for _, kind in LINKS)


class Moment(NamedTuple):
    """When an event came, and the jitter (0 to 1) of a pause that it may begin."""

    now: float
    draw: float = 0.5


def observe(watch: Watch, event: events.Event, moment: Moment) -> Watch:
    """The watch after an event; any event may come at any time."""
    watch = _end_overdue_attempt(watch, moment)
    kind = type(event)
    if kind in _OF_THE_LINK:
        link = LINKS.get((watch.link, kind))
        if link is None:
            return watch
        if link is not watch.link:
            watch = replace(watch, link=link, link_since=moment.now)
    return _CHANGES[kind](watch, event, moment)


def _end_overdue_attempt(watch: Watch, moment: Moment) -> Watch:
    """An attempt that outlives its timeout is over, whoever forgot to say so."""
    limit = watch.limits.connect_timeout
    if watch.link is not Link.OPENING or moment.now < watch.link_since + limit:
        return watch
    watch = replace(watch, link=Link.DOWN, link_since=moment.now)
    return _fail(watch, Reason.NETWORK, f"no answer within {limit:g} s", moment)


def _fail(watch: Watch, fault: Reason, text: str, moment: Moment, at_least: float = 0.0) -> Watch:
    """One more failure in the row, and the pause that follows from it."""
    failures = watch.attempts.failures + 1
    pause = pause_after(watch.limits.backoff, failures, moment.draw, quiet=watch.expects_nothing)
    attempts = replace(
        watch.attempts,
        failures=failures,
        due=moment.now + max(at_least, pause),
        fault=fault,
        text=text,
    )
    return replace(watch, attempts=attempts, cure=Cure())


def _try_now(watch: Watch, moment: Moment) -> Watch:
    """Forget the failures: the next attempt is due."""
    return replace(watch, attempts=replace(watch.attempts, failures=0, due=moment.now))


def _opening(watch: Watch, event: events.Opening, moment: Moment) -> Watch:
    attempts = replace(watch.attempts, made=watch.attempts.made + 1)
    return replace(watch, generation=event.generation, attempts=attempts, forced=False)


def _opened(watch: Watch, event: events.Opened, moment: Moment) -> Watch:
    return replace(
        watch,
        standing=replace(watch.standing, refused_at=None),
        attempts=replace(watch.attempts, opened=watch.attempts.opened + 1),
        opened_at=moment.now,
        subscribed_at=None,
        pong_at=None,
    )


def _refused(watch: Watch, event: events.Refused, moment: Moment) -> Watch:
    text = f"the handshake was answered with status {event.status}"
    if event.status == 429:
        return _fail(watch, Reason.RATE_LIMITED, text, moment, watch.limits.rate_limit_pause)
    if event.status not in (401, 403):
        return _fail(watch, Reason.NETWORK, text, moment)
    if watch.standing.generation != watch.generation:  # a newer one came in the meantime
        return _try_now(watch, moment)
    watch = _fail(watch, Reason.REFUSED, text, moment)
    return replace(watch, standing=replace(watch.standing, refused_at=moment.now))


def _failed(watch: Watch, event: events.Failed, moment: Moment) -> Watch:
    return _fail(watch, Reason.NETWORK, event.text, moment)


def _closed(watch: Watch, event: events.Closed, moment: Moment) -> Watch:
    """A connection that lasted ends the row of failures; one that did not is one more of them."""
    if event.reason is None:
        attempts = replace(watch.attempts, failures=0, due=moment.now, fault=None, text="")
        return replace(watch, attempts=attempts, cure=Cure())
    lasted = moment.now - (moment.now if watch.opened_at is None else watch.opened_at)
    failures = 0 if lasted >= watch.limits.settled_after else watch.attempts.failures + 1
    pause = pause_after(watch.limits.backoff, failures, moment.draw, quiet=watch.expects_nothing)
    attempts = replace(
        watch.attempts,
        failures=failures,
        due=moment.now + pause,
        fault=event.reason,
        text=event.text,
    )
    watch = replace(watch, attempts=attempts)
    return _try_cure(watch, event.reason, moment) if event.reason in CURES else replace(watch, cure=Cure())


def _try_cure(watch: Watch, ailment: Reason, moment: Moment) -> Watch:
    return replace(watch, cure=Cure(ailment=ailment, count=watch.cure.count + 1, at=moment.now))


def _subscribed(watch: Watch, event: events.Subscribed, moment: Moment) -> Watch:
    watch = replace(watch, basket=canaries.await_answers(watch.basket, moment.now))
    if event.cure is not None:
        return _try_cure(watch, event.cure, moment)
    return replace(watch, subscribed_at=moment.now)


def _heard(watch: Watch, event: events.Heard, moment: Moment) -> Watch:
    heard_at = max(event.at, watch.link_since)
    if watch.cure.ailment is Reason.NO_HEARTBEAT:  # this very frame cures it
        watch = replace(watch, cure=Cure())
    if not event.packets:
        return replace(watch, heard_at=heard_at)
    basket = canaries.hear(
        watch.basket,
        event.stamps,
        at=heard_at,
        wall=event.wall,
        lag_limit=watch.limits.lag_limit,
        answer_time=watch.limits.answer_time,
        trust_answers=watch.cure.ailment is None,
    )
    return replace(watch, heard_at=heard_at, basket=basket)


def _ponged(watch: Watch, event: events.Ponged, moment: Moment) -> Watch:
    heard_at = moment.now if watch.limits.pongs_are_life else watch.heard_at
    return replace(watch, pong_at=moment.now, heard_at=heard_at)


def _expect(watch: Watch, event: events.ExpectationChanged, moment: Moment) -> Watch:
    """When more is demanded, the ages start anew and the next attempt is made at once."""
    before, watch = watch.expectation, replace(watch, expectation=event.expectation)
    if _DEMAND[event.expectation] <= _DEMAND[before]:
        return watch
    since = moment.now if watch.expects_data else watch.data_since
    watch = replace(watch, data_since=since, cure=Cure())
    return watch if watch.attempts.fault is Reason.RATE_LIMITED else _try_now(watch, moment)


def _judge(watch: Watch, event: events.CredentialChanged, moment: Moment) -> Watch:
    if event.generation != watch.standing.generation:
        return _renew(watch, event, moment)
    doubted = event.verdict is Verdict.DOUBTED
    since = watch.standing.doubted_at if watch.standing.verdict is Verdict.DOUBTED else moment.now
    standing = replace(
        watch.standing,
        verdict=event.verdict,
        doubted_at=since if doubted else None,
        trouble=event.trouble,
    )
    watch = replace(watch, standing=standing)
    proven = event.verdict is Verdict.ACCEPTED
    if proven and watch.attempts.fault is Reason.NETWORK:  # someone reached the broker just now
        return replace(watch, attempts=replace(watch.attempts, due=min(watch.attempts.due, moment.now)))
    return watch


def _renew(watch: Watch, event: events.CredentialChanged, moment: Moment) -> Watch:
    """A new generation is tried at once; an open feed is left alone, unless it ails."""
    doubted_at = moment.now if event.verdict is Verdict.DOUBTED else None
    standing = Standing(
        generation=event.generation,
        verdict=event.verdict,
        doubted_at=doubted_at,
        trouble=event.trouble,
    )
    attempts = replace(watch.attempts, failures=0, due=moment.now, fault=None, text="")
    ails = watch.link is Link.OPEN and watch.cure.ailment is not None
    return replace(watch, standing=standing, attempts=attempts, forced=watch.forced or ails)


def _told(watch: Watch, event: events.Told, moment: Moment) -> Watch:
    """A connection is not given up on request either, if it cannot be made again."""
    watch = replace(watch, standing=replace(watch.standing, refused_at=None))
    may = find_obstacle(watch, moment.now) is None
    return _try_now(replace(watch, forced=may and watch.link is Link.OPEN), moment)


def _passed(watch: Watch, event: events.Passed, moment: Moment) -> Watch:
    return watch


_DEMAND = {Expectation.NOTHING: 0, Expectation.CONNECTION: 1, Expectation.DATA: 2}

_CHANGES: dict[type[events.Event], Callable[[Watch, Any, Moment], Watch]] = {
    events.Opening: _opening,
    events.Opened: _opened,
    events.Refused: _refused,
    events.Failed: _failed,
    events.Closed: _closed,
    events.Subscribed: _subscribed,
    events.Heard: _heard,
    events.Ponged: _ponged,
    events.ExpectationChanged: _expect,
    events.CredentialChanged: _judge,
    events.Told: _told,
    events.Passed: _passed,
}
