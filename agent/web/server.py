"""The page, the API and the event streams of an agent that runs."""

from __future__ import annotations

import socket

from agent.runtime.agent import Agent
from agent.web.audit_trail import AuditTrail
from agent.web.availability import Availability
from agent.web.banner import Banner
from agent.web.events import Streams
from agent.web.fleet import Fleet
from agent.web.login import Login
from agent.web.login_link import LoginLink
from agent.web.logout import Logout
from agent.web.metrics import Metrics
from agent.web.notices import Notices
from agent.web.page import Page
from agent.web.plugin_routes import PluginRoutes
from agent.web.push import Push
from agent.web.reference import Reference
from agent.web.site import Site
from agent.web.steering import Steering
from agent.web.system import System


class WebServer:
    """Of one agent; `fleet` shows the others, where the agent shares a store with some."""

    def __init__(
        self,
        agent: Agent,
        *,
        listener: socket.socket,
        base_url: str,
        fleet: Fleet | None = None,
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
        self._fleet = fleet or Fleet(agent.clock)
        has_fleet = self._fleet.view is not None
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
                Metrics(agent, self._fleet.view),
                PluginRoutes(agent),
                Page(site.access, site.hosts, has_fleet=has_fleet),
                Reference(site.access, base_url),
                Banner(),
                self._streams,
                self._fleet,
            )
        )

    async def start(self) -> None:
        await self._site.start()

    async def stop(self) -> None:
        self._site.close()
        self._streams.close()
        self._fleet.close()
        await self._site.stop()
