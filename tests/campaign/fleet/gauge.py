"""A plugin of one machine: asks an address for the state of what is under watch.

The tests put this file into a folder of its own and enable it there; nothing imports it from here.
"""

from __future__ import annotations

from agent.api import Context, RegisterMachine, Report, Settings, hookimpl


class GaugeSettings(Settings):
    """`[machines.NAME]` with `kind = "gauge"`."""

    url: str


class Gauge:
    """Says what the address says, with the number of the phase as its message."""

    def __init__(self, settings: GaugeSettings, context: Context) -> None:
        self._url = settings.url
        self._context = context

    async def probe(self) -> Report:
        async with self._context.http.get(self._url) as answer:
            read = await answer.json()
        return Report(
            state=read["state"],
            reason=read["state"],
            observed_at=self._context.clock.now(),
            message=f"phase {read['phase']}",
        )


@hookimpl
def openbell_state_machines(register: RegisterMachine) -> None:
    register(
        "gauge",
        Gauge,
        settings=GaugeSettings,
        role="gauge",
        states=["WELL", "ILL"],
        reasons=["WELL", "ILL"],
    )
