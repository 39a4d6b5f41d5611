"""A checklist that a desk ticks before the bell: a machine, its panel on the page, its addresses."""

from __future__ import annotations

from agent.api import RegisterMachine, RegisterRoute, hookimpl

from . import machine, routes

openbell_api = 1


@hookimpl
def openbell_state_machines(register: RegisterMachine) -> None:
    register(
        "checklist",
        machine.Checklist,
        settings=machine.ChecklistSettings,
        role="checklist",
        states=machine.State,
        reasons=machine.Reason,
    )


@hookimpl
def openbell_routes(register: RegisterRoute) -> None:
    register("GET", "/{machine}", routes.show)
    register("POST", "/{machine}/{item}", routes.tick, scope="control")
    register("DELETE", "/{machine}/{item}", routes.untick, scope="control")
