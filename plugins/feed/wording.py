"""The verdicts in words for people: no ages in them, so that a text changes only with its meaning."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agent.api import Verdict
from plugins.feed.canaries import Canary
from plugins.feed.states import Reason
from plugins.feed.watch import Link, Watch

ONE_DROP_AWAY = "its credential is dead, so the feed is one drop away from being lost: log in"
AWAITING_TICKS = "connected and subscribed, the first tick is awaited"
AWAITING_BEATS = "no trading process has reported yet"
NO_BEATS = "no trading process reports; is it running, with a reporter attached?"
_NAMED = 5
_BUSY_S = 2.0  # a callback that takes longer holds up the whole ticker


def connected(watch: Watch, reason: Reason) -> str:
    if is_one_drop_away(watch):
        return f"connected, but {ONE_DROP_AWAY}"
    if reason is Reason.TICKING:
        return "connected, ticks are coming"
    return "connected, the first ticks are awaited" if watch.expects_data else "connected, no ticks expected"


def script_hint(stopped: bool, left: bool, begun: bool, busy_s: float) -> str:
    """What a trading process does to its own ticker, where that is in the way."""
    if not begun:
        return "the script has not called connect() yet"
    if stopped:
        return "the script has stopped its reactor, which cannot start again: restart the script"
    if left:
        return "the script has closed its ticker itself: it is left alone until someone asks for a reconnect"
    return "the script's own on_ticks is not coming back and holds up the ticker" if busy_s > _BUSY_S else ""


def with_missing(message: str, names: Sequence[str]) -> str:
    """A feed that is well, but for the instruments that never came."""
    return f"{message}; nothing has come for {_listed(names)}" if names else message


def connecting(watch: Watch) -> str:
    if watch.link is Link.OPEN:
        return "connected, nothing heard yet"
    return "connecting" if watch.attempts.fault is None else f"connecting again: {_fault(watch)}"


def disconnected(watch: Watch) -> str:
    return f"{_fault(watch)}; trying again{', slowly' if watch.expects_nothing else ''}"


def curing(watch: Watch) -> str:
    """While the connection is made anew for an ailment, the ailment is still the news."""
    return f"{_AILMENTS[watch.cure.ailment or Reason.NO_HEARTBEAT]}; connecting again"


def no_heartbeat(watch: Watch) -> str:
    answers = watch.pong_at is not None and watch.pong_at >= (watch.heard_at or watch.link_since)
    layer = "the connection answers pings" if answers else "nor does it answer pings"
    return f"{_AILMENTS[Reason.NO_HEARTBEAT]}, {layer}; connecting again"


def no_ticks(watch: Watch) -> str:
    return _with_drop(watch, f"{_AILMENTS[Reason.NO_TICKS]}; {_treatment(watch)}")


def partial(watch: Watch, mute: Iterable[Canary]) -> str:
    return _with_drop(watch, f"no ticks of {_names(mute)}; {_treatment(watch)}")


def lagging(watch: Watch) -> str:
    limit = watch.limits.lag_limit
    return _with_drop(watch, f"ticks are more than {limit:g} s late; {_treatment(watch)}")


def frozen(watch: Watch) -> str:
    if watch.basket.implausible:
        text = "packets come, but their timestamps cannot be true; is this host's clock right?"
        return _with_drop(watch, text)
    return _with_drop(watch, f"packets come, but their timestamps stand still; {_treatment(watch)}")


def is_one_drop_away(watch: Watch) -> bool:
    """Whether an open feed could not be made again with the credential at hand."""
    standing = watch.standing
    dead = standing.generation is None or standing.verdict is Verdict.REFUSED
    return watch.link is Link.OPEN and dead


_AILMENTS = {
    Reason.NO_HEARTBEAT: "nothing is heard",
    Reason.NO_TICKS: "heartbeats come, but no ticks",
    Reason.LAGGING: "ticks are late or stand still",
    Reason.PARTIAL: "some instruments do not tick",
}

_FAULTS = {
    Reason.CLOSED_BY_PEER: "the broker closed the connection",
    Reason.NETWORK: "the broker cannot be reached",
    Reason.REFUSED: "the broker refused the handshake",
    Reason.RATE_LIMITED: "the broker has too many connections of this key; close other programs that use it",
}


def _fault(watch: Watch) -> str:
    fault = watch.attempts.fault
    words = _FAULTS.get(fault) or _AILMENTS.get(fault) if fault else None
    return f"{words or 'not connected'}{f' ({watch.attempts.text})' if watch.attempts.text else ''}"


def _treatment(watch: Watch) -> str:
    return "subscribing again" if watch.cure.count <= 1 else "subscribing and connecting again"


def _with_drop(watch: Watch, text: str) -> str:
    return f"{text}; {ONE_DROP_AWAY}" if is_one_drop_away(watch) else text


def _names(canaries: Iterable[Canary]) -> str:
    return _listed([c.name for c in canaries])


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
