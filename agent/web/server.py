"""Puts the web side together and serves it on a socket that is already bound."""

from __future__ import annotations

import socket

from aiohttp import web

from agent.runtime.agent import Agent
from agent.web.access import Access, Hosts, control_token
from agent.web.banner import Banner
from agent.web.events import Streams
from agent.web.guard import guard
from agent.web.login import Login
from agent.web.login_link import LoginLink
from agent.web.metrics import Metrics
from agent.web.notices import Notices
from agent.web.origins import Origins
from agent.web.page import Page
from agent.web.plugin_routes import PluginRoutes
from agent.web.push import Push
from agent.web.routes import add_routes
from agent.web.steering import Steering
from agent.web.system import System

BODY_LIMIT = 64 * 1024
STOP_PATIENCE_S = 2.0


class WebServer:
    """The page, the API and the event streams of one agent."""

    def __init__(self, agent: Agent, *, listener: socket.socket, base_url: str) -> None:
        server = agent.blueprint.settings.server
        access = Access(server, control_token(agent.blueprint.data_folder), agent.clock)
        self._listener = listener
        self._streams = Streams(agent.publisher, agent.clock)
        hosts = Hosts(server, base_url, listener.getsockname()[1])
        origins = Origins(server.allowed_origins)
        self._app = web.Application(middlewares=[guard(access, hosts)], client_max_size=BODY_LIMIT)
        origins.let_into(self._app)
        login = Login(agent, access, base_url)
        parts = (
            System(agent),
            Steering(agent),
            Notices(agent),
            login,
            LoginLink(agent, login),
            Push(agent),
            Metrics(agent),
            PluginRoutes(agent),
            Page(access),
            Banner(),
            self._streams,
        )
        for part in parts:
            add_routes(self._app, part.routes())
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        self._runner = web.AppRunner(self._app, access_log=None, shutdown_timeout=STOP_PATIENCE_S)
        await self._runner.setup()
        await web.SockSite(self._runner, self._listener).start()

    async def stop(self) -> None:
        self._streams.close()
        if self._runner is not None:
            await self._runner.cleanup()
