"""The page, the API and the event streams of an agent that runs."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence

from agent.runtime.agent import Agent
from agent.web.audit_trail import AuditTrail
from agent.web.availability import Availability
from agent.web.banner import Banner
from agent.web.events import Streams
from agent.web.login import Login
from agent.web.login_link import LoginLink
from agent.web.logout import Logout
from agent.web.metrics import Metrics
from agent.web.notices import Notices
from agent.web.page import Page
from agent.web.plugin_routes import PluginRoutes
from agent.web.push import Push
from agent.web.reference import Reference
from agent.web.site import Part, Site
from agent.web.steering import Steering
from agent.web.system import System


class WebServer:
    """Of one agent; `more` are parts that are not the agent's own."""

    def __init__(
        self,
        agent: Agent,
        *,
        listener: socket.socket,
        base_url: str,
        more: Callable[[Site], Sequence[Part]] = lambda site: (),
    ) -> None:
        self._site = site = Site(
            agent.blueprint.settings.server,
            folder=agent.blueprint.data_folder,
            journal=agent.journal,
            clock=agent.clock,
            listener=listener,
            base_url=base_url,
        )
        self.app = site.app
        self._streams = Streams(agent.publisher, agent.clock)
        login = Login(agent, site.access, site.hosts, base_url)
        site.add(
            (
                System(agent),
                Steering(agent),
                Notices(agent),
                Availability(agent),
                login,
                LoginLink(agent, login),
                Logout(site.access),
                AuditTrail(agent),
                Push(agent),
                Metrics(agent),
                PluginRoutes(agent),
                Page(site.access, site.hosts),
                Reference(site.access, base_url),
                Banner(),
                self._streams,
                *more(site),
            )
        )

    async def start(self) -> None:
        await self._site.start()

    async def stop(self) -> None:
        self._site.close()
        self._streams.close()
        await self._site.stop()
