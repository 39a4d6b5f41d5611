"""How often one may guess, and steer: by the address of the peer, which nobody can claim to be."""

from __future__ import annotations

import ipaddress

from aiohttp import web

from agent.clock import Clock
from agent.web.allowance import Allowance

GUESSES = 10
"""Wrong tokens a minute from one peer."""

STEERS = 10
"""What one caller may have done in a minute, in the long run."""

STEERS_AT_ONCE = 30
"""A person who tidies up after a bad morning is quicker than that, for a while."""


class Limits:
    """The allowances of all peers and callers."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._guesses = Allowance(burst=GUESSES, a_minute=GUESSES)
        self._steers = Allowance(burst=STEERS_AT_ONCE, a_minute=STEERS)

    def guess(self, peer: str, *, is_wrong: bool) -> float:
        """The seconds for which no token that could be a guess is looked at; a wrong one is counted."""
        now = self._clock.monotonic()
        return self._guesses.take(peer, now) if is_wrong else self._guesses.wait(peer, now)

    def steer(self, caller: str) -> float:
        """The seconds to wait before more is done for this caller; 0 counts this one."""
        return self._steers.take(caller, self._clock.monotonic())


def peer_of(request: web.Request) -> str:
    """Who is at the other end of the socket; of IPv6 its network, of which one host has all.

    What a request says about it (`X-Forwarded-For`) is not asked: anybody can write that.
    """
    try:
        address = ipaddress.ip_address((request.remote or "").partition("%")[0])
    except ValueError:
        return "unknown"
    if address.version == 4:
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    if address.is_loopback:
        return str(address)
    return str(ipaddress.ip_network((address, 64), strict=False))
