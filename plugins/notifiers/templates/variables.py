"""What a template can show: the notice as the webhook carries it, and some of it in words. Pure."""

from __future__ import annotations

import json
from zoneinfo import ZoneInfo

from agent.api import Notice
from plugins.notifiers.webhook.payload import Payload, body
from plugins.notifiers.wording import Wording, at, span

IN_WORDS = ("title", "since_local", "lasted", "link", "reference")

KNOWN = frozenset({*Payload.model_fields, *IN_WORDS})


def variables(notice: Notice, wording: Wording, *, zone: str, base_url: str) -> dict[str, object]:
    """The values by name; all of them plain, so that there is nothing to call and nothing to leave by."""
    link = wording.link
    values: dict[str, object] = json.loads(body(notice, base_url=base_url))
    return values | {
        "title": wording.title,
        "since_local": at(notice.since, ZoneInfo(zone), seen_from=notice.created_at),
        "lasted": span(notice.duration) if notice.duration is not None else None,
        "link": {"label": link.label, "url": link.url} if link is not None else None,
        "reference": wording.reference,
    }
