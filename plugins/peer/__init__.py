"""Another openbell as a machine: whoever watches the desk from elsewhere hears of its agent's silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.api import Context, RegisterMachine, hookimpl
from plugins.peer.hearing import Reason, State
from plugins.peer.settings import PeerSettings

if TYPE_CHECKING:
    from plugins.peer.machine import Peer


@hookimpl
def openbell_state_machines(register: RegisterMachine) -> None:
    register("openbell", _peer, settings=PeerSettings, role="peer", states=State, reasons=Reason)


def _peer(settings: PeerSettings, context: Context) -> Peer:
    from plugins.peer.machine import Peer

    return Peer(settings, context)
