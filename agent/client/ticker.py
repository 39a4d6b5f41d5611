"""What can be done to a running `KiteTicker` that it cannot do itself: be connected anew, with another token.

Its reactor cannot be started again once stopped, its address is frozen into its factory, it sends
no pings, and it gives up after 50 tries (kiteconnect 5.2.2). As long as the reactor runs, a new
factory under the same ticker is a new beginning, and the script notices only another `on_connect`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

_CALLBACKS = ("on_open", "on_error", "on_close", "on_message", "on_reconnect", "on_noreconnect")


def in_reactor(ticker: Any, call: Callable[[], None]) -> bool:
    """Have the reactor's thread, which alone may touch connections, make a call; `False` if it has none."""
    factory = getattr(ticker, "factory", None)
    if factory is None or not factory.reactor.running:
        return False
    factory.reactor.callFromThread(call)
    return True


def is_begun(ticker: Any) -> bool:
    """Whether the script has called `connect`."""
    return getattr(ticker, "factory", None) is not None


def is_stopped(ticker: Any) -> bool:
    """Whether the reactor was stopped, after which nothing can be done in this process."""
    return is_begun(ticker) and not ticker.factory.reactor.running


def has_left(ticker: Any) -> bool:
    """Whether retries were stopped: by us, or by the script itself when it closed the ticker."""
    return is_begun(ticker) and not ticker.factory.continueTrying


def reconnect(ticker: Any, access_token: str | None) -> None:
    """Drop whatever connection there is and begin a new one; runs in the reactor's thread.

    The script's `on_close` is not called: the documentation's own example stops the reactor in
    it, for ever.
    """
    factory = ticker.factory
    for name in _CALLBACKS:
        setattr(factory, name, None)
    factory.on_connect = _drop  # a handshake under way must not become a second connection
    factory.stopTrying()
    if factory.ws is not None:
        factory.ws.dropConnection(abort=True)
    if access_token is not None:
        ticker.socket_url = with_token(ticker.socket_url, access_token)
    _connect(ticker, factory.proxy)


def _connect(ticker: Any, proxy: object) -> None:
    """Connect as the script did; the log that `debug` starts has been started already."""
    debug, ticker.debug = ticker.debug, False
    try:
        ticker.connect(proxy=proxy)
    finally:
        ticker.debug = ticker.factory.debug = debug


def with_token(url: str, access_token: str) -> str:
    """The ticker's address with another access token."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query)) | {"access_token": access_token}
    return urlunsplit(parts._replace(query=urlencode(query)))


def _drop(socket: Any, _response: object) -> None:
    socket.dropConnection(abort=True)
