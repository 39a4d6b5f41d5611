"""Puts the web side together and serves it on a socket that is already bound."""

from __future__ import annotations

import asyncio
import socket

from aiohttp import web

from agent.runtime.agent import Agent
from agent.runtime.context import JournaledValues
from agent.web.access import Access, Hosts, control_token
from agent.web.audit import Audit
from agent.web.audit_trail import AuditTrail
from agent.web.availability import Availability
from agent.web.banner import Banner
from agent.web.connections import Door, listen
from agent.web.events import Streams
from agent.web.guard import BODY_LIMIT, Guard
from agent.web.login import Login
from agent.web.login_link import LoginLink
from agent.web.logout import Logout
from agent.web.metrics import Metrics
from agent.web.notices import Notices
from agent.web.origins import Origins
from agent.web.page import Page
from agent.web.plugin_routes import PluginRoutes
from agent.web.push import Push
from agent.web.reference import Reference
from agent.web.routes import add_routes
from agent.web.sessions import Sessions
from agent.web.steering import Steering
from agent.web.system import System

STOP_PATIENCE_S = 2.0


class WebServer:
    """The page, the API and the event streams of one agent."""

    def __init__(self, agent: Agent, *, listener: socket.socket, base_url: str) -> None:
        server = agent.blueprint.settings.server
        sessions = Sessions(agent.clock, JournaledValues(agent.journal, "web"))
        access = Access(server, control_token(agent.blueprint.data_folder), sessions)
        audit = Audit(agent.journal, agent.clock)
        self._listener = listener
        self._streams = Streams(agent.publisher, agent.clock)
        hosts = Hosts(server, base_url, listener.getsockname()[1])
        origins = Origins(server.allowed_origins)
        guard = Guard(access, hosts, audit, agent.clock)
        self._app = web.Application(middlewares=[guard.middleware], client_max_size=BODY_LIMIT)
        origins.let_into(self._app)
        login = Login(agent, access, hosts, base_url)
        parts = (
            System(agent),
            Steering(agent),
            Notices(agent),
            Availability(agent),
            login,
            LoginLink(agent, login),
            Logout(access),
            AuditTrail(agent),
            Push(agent),
            Metrics(agent),
            PluginRoutes(agent),
            Page(access, hosts),
            Reference(access, base_url),
            Banner(),
            self._streams,
        )
        for part in parts:
            add_routes(self._app, part.routes())
        self._runner: web.AppRunner | None = None
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._runner = web.AppRunner(self._app, shutdown_timeout=STOP_PATIENCE_S)
        await self._runner.setup()
        assert self._runner.server is not None  # noqa: S101 - set up is what makes it
        self._server = await listen(self._listener, Door(self._runner.server))

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        self._streams.close()
        if self._runner is not None:
            await self._runner.cleanup()
