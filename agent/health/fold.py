"""Folds reports into statuses, and tells how far a status may still be believed."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from agent.model import UNKNOWN, CoreReason, Machine, Report, Status


def unprobed(machine: Machine, now: datetime, *, resumes: Status | None = None) -> Status:
    """The status of a machine that has not yet spoken; if it goes on as `resumes` was, it has lasted."""
    lasts = None
    if resumes is not None:
        lasts = resumes.resumes if resumes.is_unknown else (resumes.state, resumes.since)
    return Status(
        machine=machine,
        state=UNKNOWN,
        reason=CoreReason.NOT_PROBED,
        since=now,
        observed_at=now,
        message="Not probed yet",
        resumes=lasts,
    )


def fold(status: Status, report: Report, *, believed_for: timedelta) -> Status:
    """The status after a report; one that is older than what is known changes nothing.

    `believed_for` holds where the report does not say how long it is valid. `since` stays as
    long as the state does; a state that a former run of the agent knew goes on from there.
    """
    has_spoken = status.reason != CoreReason.NOT_PROBED
    if has_spoken and report.observed_at < status.observed_at:
        return status
    if report.state == status.state:
        since = status.since
    elif status.resumes is not None and status.resumes[0] == report.state:
        since = status.resumes[1]
    else:
        since = report.observed_at
    return Status(
        machine=status.machine,
        state=report.state,
        reason=report.reason,
        since=since,
        observed_at=report.observed_at,
        message=report.message,
        valid_until=report.observed_at + (believed_for if report.valid_for is None else report.valid_for),
        next_change_at=report.next_change_at,
        attributes=report.attributes,
        measures=report.measures,
        resumes=status.resumes if report.state == UNKNOWN else None,
    )


def believe(status: Status, now: datetime) -> Status:
    """The status as it counts at `now`: `UNKNOWN`, `STALE_REPORT` once its report has run out."""
    if status.valid_until is None or now < status.valid_until or status.is_unknown:
        return status
    return replace(
        status,
        state=UNKNOWN,
        reason=CoreReason.STALE_REPORT,
        since=status.valid_until,
        message=f"No report since it said {status.state} ({status.reason})",
    )


def shift(status: Status, step: timedelta) -> Status:
    """The status after the wall clock was set by `step`: its instants move, its ages stay."""
    return replace(
        status,
        since=status.since + step,
        observed_at=status.observed_at + step,
        valid_until=None if status.valid_until is None else status.valid_until + step,
        resumes=None if status.resumes is None else (status.resumes[0], status.resumes[1] + step),
    )
