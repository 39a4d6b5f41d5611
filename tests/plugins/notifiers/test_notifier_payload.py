from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from agent.api import Action, Notice
from plugins.notifiers.webhook.payload import Payload, body, cloud_event, schema

BASE = "http://desk.example:8000"
SCHEMA = Path(__file__).parents[3] / "plugins/notifiers/webhook/notice.schema.json"
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=200)
ANY_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=10,
)


def test_a_problem_is_written_as_documented(notice_of: Callable[..., Notice]) -> None:
    notice = notice_of()
    assert json.loads(body(notice, base_url=BASE)) == {
        "id": notice.id,
        "type": "problem",
        "reason": "FIRST",
        "code": "AUTH_REQUIRED",
        "severity": "critical",
        "message": "Kite login needed",
        "since": "2026-11-23T00:30:00Z",
        "incident": {
            "id": notice.id,
            "opened_at": "2026-11-23T00:30:00Z",
            "url": "http://127.0.0.1:8000",
        },
        "machines": [dict(machine) for machine in notice.machines],
        "action": {"label": "Log in to Kite", "href": f"{BASE}/api/auth/login"},
        "duration_s": None,
        "group": None,
        "agent": "my-desk",
        "sent_at": "2026-11-23T04:00:00Z",
        "attempt": 1,
        "document": dict(notice.document),
    }


def test_a_recovery_has_its_duration_and_no_action(recovery_of: Callable[..., Notice]) -> None:
    told = json.loads(body(recovery_of(), base_url=BASE))
    assert told["type"] == "recovery"
    assert told["duration_s"] == 9900.0
    assert told["action"] is None


def test_a_sender_that_counts_its_attempts_can_say_so(notice_of: Callable[..., Notice]) -> None:
    later = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
    told = json.loads(body(notice_of(), base_url=BASE, sent_at=later, attempt=3))
    assert (told["sent_at"], told["attempt"]) == ("2026-11-23T05:00:00Z", 3)


def test_instants_of_any_zone_are_told_in_utc(notice_of: Callable[..., Notice]) -> None:
    from zoneinfo import ZoneInfo

    local = datetime(2026, 11, 23, 6, 0, tzinfo=ZoneInfo("Asia/Kolkata"))
    assert json.loads(body(notice_of(since=local), base_url=BASE))["since"] == "2026-11-23T00:30:00Z"


def test_a_link_that_is_no_page_is_left_out(notice_of: Callable[..., Notice]) -> None:
    action = Action(kind="login", label="Log in", href="javascript:alert(1)")
    assert json.loads(body(notice_of(action=action), base_url=BASE))["action"]["href"] is None


def test_the_published_schema_is_the_one_of_the_code() -> None:
    assert json.loads(SCHEMA.read_text()) == schema()


def test_the_largest_payload_is_one_that_receivers_take(notice_of: Callable[..., Notice]) -> None:
    """Standard Webhooks advises less than 20 kB; texts of the core have at most 500 characters."""
    crowd = tuple(
        {"name": f"machine-{index}", "state": "UNKNOWN", "reason": "PROBE_TIMEOUT", "message": "m" * 200}
        for index in range(500)
    )
    assert len(body(notice_of(machines=crowd, message="x" * 10_000), base_url=BASE)) < 20_000


@given(message=ANY_TEXT, document=st.dictionaries(ANY_TEXT, ANY_VALUE, max_size=4))
def test_whatever_a_notice_says_its_payload_fits_the_schema(
    notice_of: Callable[..., Notice], message: str, document: dict[str, object]
) -> None:
    machines = ({"name": message, "state": "X", "reason": "", "message": message}, {})
    action = Action(kind="x", label=message, href=message)
    notice = notice_of(
        message=message, agent=message, document=document, machines=machines, action=action,
        duration=timedelta(seconds=1),
    )  # fmt: skip
    told = Payload.model_validate_json(body(notice, base_url=BASE))
    assert told.id == notice.id
    assert json.loads(cloud_event(notice, base_url=BASE))["data"]["id"] == notice.id
