"""A small Upstox to try the plugin against: login, REST and stream on one port, over TCP only."""

from .server import Simulator

__all__ = ["Simulator"]
