"""A machine of the kind `openbell` keeps the contract of a state machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta

from aiohttp import web

from agent.testing import CANARY, StateMachineContract, Trouble


class TestPeer(StateMachineContract):
    plugin = "plugins.feed"
    kind = "openbell"
    healthy = ("HEARD", "ANSWERING")
    refuses_canary = False
    classes = {
        Trouble.UNAUTHORIZED: "REFUSED",
        Trouble.FORBIDDEN: "REFUSED",
        Trouble.RATE_LIMITED: "NO_ANSWER",
        Trouble.SERVER_ERROR: "NO_ANSWER",
        Trouble.TIMEOUT: "NO_ANSWER",
        Trouble.DNS: "NO_ANSWER",
        Trouble.TLS: "NO_ANSWER",
    }

    def settings(self, url: str) -> Mapping[str, object]:
        return {"url": url, "token": CANARY}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        now = self.clock.now()
        body = {
            "schema": "openbell.health/1",
            "code": "LIVE",
            "generated_at": now.isoformat(),
            "valid_until": (now + timedelta(seconds=30)).isoformat(),
            "market": None,
        }
        return web.Response(text=json.dumps(body), content_type="application/json")
