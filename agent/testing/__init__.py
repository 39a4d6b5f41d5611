"""The public test kit: clocks, a bench to run one machine on, and contracts to hold a plugin to."""

from agent.testing.bench import Bench, run_machine, running
from agent.testing.canary import CANARY
from agent.testing.clocks import FastClock, ManualClock, settle
from agent.testing.login_contract import LoginContract
from agent.testing.machine_contract import StateMachineContract
from agent.testing.memory import MemoryCredential, MemoryStore
from agent.testing.notices import RecordingNotifier, make_notice, notifier_context
from agent.testing.notifier_contract import Arrival, NotifierContract
from agent.testing.server import Exchange, Request
from agent.testing.troubles import Trouble

__all__ = [
    "CANARY",
    "Arrival",
    "Bench",
    "Exchange",
    "FastClock",
    "LoginContract",
    "ManualClock",
    "MemoryCredential",
    "MemoryStore",
    "NotifierContract",
    "RecordingNotifier",
    "Request",
    "StateMachineContract",
    "Trouble",
    "make_notice",
    "notifier_context",
    "run_machine",
    "running",
    "settle",
]
