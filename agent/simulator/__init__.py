"""A Kite-compatible broker to develop and test against: REST, login page and WebSocket on one port.

It imports nothing of the agent, and the agent reaches it over TCP only, as it reaches the real one.
"""

from agent.simulator.server import Simulator, serve

__all__ = ["Simulator", "serve"]
