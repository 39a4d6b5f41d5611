"""The border where plugins' reports come in: what crosses it is whole, declared and finite."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    ValidationError,
)

from agent.errors import PluginError
from agent.model import UNKNOWN, CoreReason, Machine, Report
from agent.text import plain

ATTRIBUTES_LIMIT = 64_000
MEASURES_LIMIT = 200
PANEL = "panel"
"""The attribute that the page shows as a panel: `{"title": …, "values": {label: text or number}}`."""

LEAD_LIMIT = timedelta(seconds=5)
"""A report from further in the future than this is refused; from nearer it counts as now."""

_CORE_REASONS = frozenset(CoreReason)


_Line = Annotated[str, AfterValidator(plain), StringConstraints(min_length=1, max_length=80)]
"""A text of a panel."""


class _Incoming(BaseModel):
    model_config = ConfigDict(from_attributes=True, strict=True, allow_inf_nan=False)

    state: str
    reason: str
    observed_at: AwareDatetime
    message: Annotated[str, AfterValidator(plain)]
    valid_for: timedelta | None
    next_change_at: AwareDatetime | None
    attributes: dict[str, JsonValue]
    measures: Annotated[dict[str, float], Field(max_length=MEASURES_LIMIT)]


class _Panel(BaseModel):
    model_config = ConfigDict(strict=True, allow_inf_nan=False, extra="forbid")

    title: _Line
    values: Annotated[dict[_Line, _Line | int | float | bool | None], Field(min_length=1, max_length=12)]


def admit(machine: Machine, report: object, now: datetime) -> Report:
    """A report that the core may rely on, sharing nothing with the plugin that made it.

    Raises `PluginError` that says what the plugin did wrong.
    """
    if not isinstance(report, Report):
        raise PluginError(f"expected a Report, got {type(report).__name__}")
    try:
        incoming = _Incoming.model_validate(report)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise PluginError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    _check_declared(machine, incoming)
    if incoming.observed_at > now + LEAD_LIMIT:
        raise PluginError(f"observed_at is {incoming.observed_at - now} in the future")
    for name, part in (("attributes", incoming.attributes), ("measures", incoming.measures)):
        if len(repr(part)) > ATTRIBUTES_LIMIT:
            raise PluginError(f"{name} are larger than {ATTRIBUTES_LIMIT} characters")
    if PANEL in incoming.attributes:
        incoming.attributes[PANEL] = _panel(incoming.attributes[PANEL])
    return Report(
        state=incoming.state,
        reason=incoming.reason,
        observed_at=min(incoming.observed_at, now),
        message=incoming.message,
        valid_for=None if incoming.valid_for is None else max(incoming.valid_for, timedelta(0)),
        next_change_at=incoming.next_change_at,
        attributes=incoming.attributes,
        measures=incoming.measures,
    )


def _panel(raw: JsonValue) -> JsonValue:
    """A panel as the page shows it. Raises `PluginError` for one that it could not."""
    try:
        return _Panel.model_validate(raw).model_dump()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, ("attributes", PANEL, *first["loc"])))
        raise PluginError(f"{place}: {first['msg']}") from None


def _check_declared(machine: Machine, incoming: _Incoming) -> None:
    if incoming.state == UNKNOWN:
        if incoming.reason not in machine.reasons | _CORE_REASONS:
            raise PluginError(f"reason {incoming.reason!r} was not declared for {machine.kind}")
        return
    if incoming.state not in machine.states:
        raise PluginError(f"state {incoming.state!r} was not declared for {machine.kind}")
    if incoming.reason not in machine.reasons:
        raise PluginError(f"reason {incoming.reason!r} was not declared for {machine.kind}")


def unknown(reason: CoreReason, message: str, now: datetime) -> Report:
    """What the core says of a machine that could not speak for itself."""
    return Report(
        state=UNKNOWN,
        reason=reason,
        observed_at=now,
        message=plain(message),
        valid_for=timedelta(days=3650),
    )
