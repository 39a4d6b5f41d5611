"""Feeds: the Kite ticker, a WebSocket that speaks JSON, a trading process, another agent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.api import Context, RegisterMachine, hookimpl
from plugins.feed.peer import hearing
from plugins.feed.peer.settings import PeerSettings
from plugins.feed.settings import JsonFeedSettings, KiteFeedSettings, PushedFeedSettings
from plugins.feed.states import Reason, State

if TYPE_CHECKING:
    from plugins.feed.machine import Feed
    from plugins.feed.peer.machine import Peer
    from plugins.feed.pushed import PushedFeed

ACTIONS = ("reconnect",)


def kite_feed(settings: KiteFeedSettings, context: Context) -> Feed:
    """The machine of a `kite-feed`; the WebSocket client is loaded here, not before."""
    from plugins.feed.kite import make_feed

    return make_feed(settings, context)


def any_json_feed(settings: JsonFeedSettings, context: Context) -> Feed:
    """The machine of a `json-feed`."""
    from plugins.feed.json_feed import make_feed

    return make_feed(settings, context)


def pushed_feed(settings: PushedFeedSettings, context: Context) -> PushedFeed:
    """The machine of a `pushed-feed`."""
    from plugins.feed.pushed import PushedFeed

    return PushedFeed(settings, context)


def peer(settings: PeerSettings, context: Context) -> Peer:
    """The machine of an `openbell`: the document stream of another agent."""
    from plugins.feed.peer.machine import Peer

    return Peer(settings, context)


@hookimpl
def openbell_state_machines(register: RegisterMachine) -> None:
    register(
        "kite-feed",
        kite_feed,
        settings=KiteFeedSettings,
        role="feed",
        states=State,
        reasons=Reason,
        actions=ACTIONS,
    )
    register(
        "json-feed",
        any_json_feed,
        settings=JsonFeedSettings,
        role="feed",
        states=State,
        reasons=Reason,
        actions=ACTIONS,
    )
    register(
        "pushed-feed",
        pushed_feed,
        settings=PushedFeedSettings,
        role="feed",
        states=State,
        reasons=Reason,
        actions=ACTIONS,
    )
    register(
        "openbell",
        peer,
        settings=PeerSettings,
        role="peer",
        states=hearing.State,
        reasons=hearing.Reason,
    )
