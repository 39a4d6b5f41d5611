"""Long lists are read in one way."""

from __future__ import annotations

import json

import pytest
from aiohttp.test_utils import make_mocked_request

from agent.web.paging import Page, instant, number, page


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        pytest.param("", Page(100, None), id="nothing said"),
        pytest.param("limit=1", Page(1, None), id="the least"),
        pytest.param("limit=1000&before=7", Page(1000, 7), id="the most"),
    ],
)
def test_a_page_is_what_was_asked_for(query, wanted) -> None:
    assert page(make_mocked_request("GET", f"/?{query}"), number) == wanted


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=1001", "limit=-1", "limit=x", "limit=", "limit=1_0", "limit=%EF%BC%91", "limit=1e2",
        "before=", "before=-1", "before=x", "before=1.5", "before=99999999999999999999",
    ],
)  # fmt: skip
def test_what_is_no_page_is_refused_with_what_would_do(query) -> None:
    answer = page(make_mocked_request("GET", f"/?{query}"), number)
    assert answer.status == 400
    assert query.partition("=")[0] in json.loads(answer.body)["detail"]


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23T09:14:00+05:30", "2026-11-23T09:14:00 05:30", "2026-11-23T03:44:00Z",
        "2026-11-22T22:44:00-05:00",
    ],
)  # fmt: skip
def test_an_instant_is_one_whatever_its_zone_and_however_its_plus_was_sent(text) -> None:
    assert instant(text).isoformat() == "2026-11-23T03:44:00+00:00"


@pytest.mark.parametrize("text", ["", "7", "2026-11-23", "2026-11-23T09:14:00", "0001-01-01T00:00:00+05:30"])
def test_an_instant_has_its_zone_and_is_one_of_the_calendar(text) -> None:
    with pytest.raises(ValueError, match="with its zone"):
        instant(text)


def test_the_next_page_begins_where_this_one_ends_if_it_is_full() -> None:
    assert Page(2, None).next_before([5, 4], lambda row: row) == 4
    assert Page(2, None).next_before([5], lambda row: row) is None
    assert Page(2, None).next_before([], lambda row: row) is None
