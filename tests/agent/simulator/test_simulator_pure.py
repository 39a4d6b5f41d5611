"""What the simulator decides without anyone listening: hours, tokens, prices, packets, commands."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kiteconnect import KiteTicker

from agent.simulator.breakage import broken
from agent.simulator.commands import Command, Verb, parse
from agent.simulator.faults import FEED_FAULTS, REST_FAULTS, Breakage, parse_feed, parse_rest
from agent.simulator.hours import DAY, IST, flush_after, is_open, last_traded
from agent.simulator.instruments import HIGHEST_TOKEN, INSTRUMENTS, Segment, divisor_of, segment_of
from agent.simulator.packets import Mode, frame, packet
from agent.simulator.prices import quote, tick_of
from agent.simulator.tokens import LENGTH, Mint

TOKENS = [instrument.token for instrument in INSTRUMENTS]
MINT = Mint("demo", "AB1234", "demo-secret")


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=IST).timestamp())


@pytest.mark.parametrize(
    ("segment", "instant", "expected"),
    [
        pytest.param(Segment.NSE, "2026-11-24 08:59:59", False, id="just before the pre-open"),
        pytest.param(Segment.NSE, "2026-11-24 09:00:00", True, id="from the pre-open on"),
        pytest.param(Segment.NSE, "2026-11-24 15:29:59", True, id="the last second"),
        pytest.param(Segment.NSE, "2026-11-24 15:30:00", False, id="the close"),
        pytest.param(Segment.CDS, "2026-11-24 16:59:59", True, id="currencies trade longer"),
        pytest.param(Segment.MCX, "2026-11-24 23:29:59", True, id="commodities trade into the night"),
        pytest.param(Segment.NSE, "2026-11-28 11:00:00", False, id="a Saturday"),
        pytest.param(99, "2026-11-24 11:00:00", True, id="a segment that is none trades as equity does"),
    ],
)
def test_a_segment_trades_in_its_hours(segment: int, instant: str, expected: bool) -> None:
    assert is_open(segment, at(instant)) is expected


@pytest.mark.parametrize(
    ("instant", "expected"),
    [
        pytest.param("2026-11-24 10:00:00", "2026-11-24 10:00:00", id="in the session"),
        pytest.param("2026-11-24 18:00:00", "2026-11-24 15:30:00", id="in the evening"),
        pytest.param("2026-11-24 08:00:00", "2026-11-23 15:30:00", id="in the morning"),
        pytest.param("2026-11-23 08:00:00", "2026-11-20 15:30:00", id="on Monday morning"),
        pytest.param("2026-11-29 12:00:00", "2026-11-27 15:30:00", id="on Sunday"),
    ],
)
def test_the_last_trade_is_in_the_latest_session(instant: str, expected: str) -> None:
    assert last_traded(Segment.NSE, at(instant)) == at(expected)


@pytest.mark.parametrize(
    ("issued", "flushed"),
    [
        pytest.param("2026-11-24 05:59:59", "2026-11-24 06:00:00", id="just before six"),
        pytest.param("2026-11-24 06:00:00", "2026-11-25 06:00:00", id="at six"),
        pytest.param("2026-11-24 23:59:59", "2026-11-25 06:00:00", id="late"),
    ],
)
def test_a_token_is_flushed_at_the_next_six_in_india(issued: str, flushed: str) -> None:
    assert int(flush_after(datetime.fromtimestamp(at(issued), UTC)).timestamp()) == at(flushed)


@given(st.datetimes(datetime(1970, 1, 2), datetime(8000, 1, 1), timezones=st.just(UTC)))
def test_a_mint_knows_its_own_tokens_and_when_it_issued_them(now: datetime) -> None:
    token = MINT.issue(now)
    assert len(token) == LENGTH == 32
    assert token.isascii()
    assert token.isalnum()
    issued = MINT.issued_at(token)
    assert issued is not None
    assert timedelta(0) <= now - issued < timedelta(milliseconds=1)


@pytest.mark.parametrize(
    "other",
    [
        Mint("other", "AB1234", "demo-secret"),
        Mint("demo", "XX0000", "demo-secret"),
        Mint("demo", "AB1234", "x"),
    ],
)
def test_a_token_of_another_key_user_or_secret_is_no_token(other: Mint) -> None:
    assert MINT.issued_at(other.issue(datetime.now(UTC))) is None


@given(st.text(max_size=40))
def test_whatever_is_not_a_token_is_told_from_one(text: str) -> None:
    assert MINT.issued_at(text) is None


@given(st.integers(0, LENGTH - 1))
def test_a_token_with_one_letter_changed_is_no_token(place: int) -> None:
    token = MINT.issue(datetime.now(UTC))
    other = "a" if token[place] != "a" else "b"
    assert MINT.issued_at(token[:place] + other + token[place + 1 :]) is None


def test_a_mint_does_not_show_its_secret() -> None:
    assert "demo-secret" not in repr(MINT)


seconds = st.integers(at("2024-01-01 00:00:00"), at("2030-01-01 00:00:00"))
any_token = st.one_of(st.sampled_from(TOKENS), st.integers(1, HIGHEST_TOKEN))


@given(st.integers(), any_token, seconds)
def test_a_quote_makes_sense_and_fits_the_wire(seed: int, token: int, second: int) -> None:
    told = quote(seed, token, second)
    assert 0 < told.low <= min(told.last, told.open) <= max(told.last, told.open) <= told.high
    assert all(
        price % tick_of(token) == 0 for price in (told.last, told.open, told.high, told.low, told.close)
    )
    if told.bids:
        assert told.bids[0].price <= told.last <= told.offers[0].price
    for mode in Mode:
        packet(told, mode)


@given(any_token, seconds, st.integers(1, 600))
def test_a_days_range_never_shrinks_and_its_volume_never_falls(token: int, second: int, later: int) -> None:
    first, then = quote(1, token, second), quote(1, token, second + later)
    if (first.at + 19_800) // DAY == (then.at + 19_800) // DAY:
        assert then.high >= first.high
        assert then.low <= first.low
        assert then.volume >= first.volume


def test_the_walk_is_repeatable_and_another_seed_walks_elsewhere() -> None:
    hour = range(at("2026-11-24 10:00:00"), at("2026-11-24 11:00:00"))
    path = [quote(1, 738561, second).last for second in hour]
    assert path[:5] == [141865, 141875, 141875, 141875, 141865]
    assert len(set(path)) > 20
    assert path != [quote(2, 738561, second).last for second in hour]


def test_the_close_is_the_last_price_of_the_weekday_before() -> None:
    friday = quote(1, 738561, at("2026-11-20 15:30:00"))
    monday = quote(1, 738561, at("2026-11-23 10:00:00"))
    assert abs(monday.close - friday.last) <= tick_of(738561)


LENGTHS = {
    (False, Mode.LTP): 8,
    (False, Mode.QUOTE): 44,
    (False, Mode.FULL): 184,
    (True, Mode.LTP): 8,
    (True, Mode.QUOTE): 28,
    (True, Mode.FULL): 32,
}


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("token", TOKENS)
def test_the_stock_parser_reads_what_was_packed(token: int, mode: Mode) -> None:
    told = quote(1, token, at("2026-11-24 11:11:11"))
    packed = packet(told, mode)
    is_index = segment_of(token) == Segment.INDICES
    assert len(packed) == LENGTHS[is_index, mode]
    [tick] = KiteTicker("demo", "token")._parse_binary(frame([packed]))
    assert tick["instrument_token"] == token
    assert tick["mode"] == mode
    assert tick["last_price"] == told.last / told.divisor
    assert tick["tradable"] is not is_index
    if mode is not Mode.LTP:
        prices = {"open": told.open, "high": told.high, "low": told.low, "close": told.close}
        assert tick["ohlc"] == {name: price / divisor_of(token) for name, price in prices.items()}
    if mode is Mode.FULL:
        assert tick["exchange_timestamp"].timestamp() == told.at
    if mode is Mode.FULL and not is_index:
        assert tick["depth"]["sell"][4]["quantity"] == told.offers[4].quantity
        assert tick["depth"]["buy"][0]["price"] == told.bids[0].price / told.divisor
        assert tick["oi_day_low"] == told.open_interest_low


@pytest.mark.parametrize("kind", Breakage)
def test_a_broken_frame_is_not_the_frame(kind: Breakage) -> None:
    whole = frame([packet(quote(1, 738561, at("2026-11-24 11:00:00")), Mode.FULL)])
    assert broken(whole, kind, 7) != whole
    assert {broken(whole, None, turn) == broken(whole, kind, turn) for turn in range(6)} == {True, False}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a":"subscribe","v":[408065,408065,256265]}', Command(Verb.SUBSCRIBE, (408065, 256265))),
        ('{"a":"unsubscribe","v":[408065]}', Command(Verb.UNSUBSCRIBE, (408065,))),
        ('{"a":"mode","v":["full",[408065]]}', Command(Verb.MODE, (408065,), Mode.FULL)),
        ('{"a":"subscribe","v":["408065",true,1.5,-1,0,4294967296,null,7]}', Command(Verb.SUBSCRIBE, (7,))),
        ('{"a":"subscribe","v":408065}', None),
        ('{"a":"mode","v":["loud",[1]]}', None),
        ('{"a":"mode","v":["full"]}', None),
        ('{"a":["subscribe"],"v":[1]}', None),
        ('{"a":"dance"}', None),
        ("[1]", None),
        ("", None),
        ("[" * 100_000, None),
    ],
)
def test_a_request_is_understood_or_passed_over(text: str, expected: Command | None) -> None:
    assert parse(text) == expected


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "v", "x"]), inner, max_size=3)
    ),
)


@given(json_values)
def test_no_json_makes_the_parser_fail(value: object) -> None:
    parse(json.dumps(value))


@given(
    st.sampled_from([parse_feed, parse_rest]),
    json_values,
    st.sampled_from([*FEED_FAULTS, *REST_FAULTS, None]),
)
def test_a_control_body_becomes_a_fault_or_a_reason(parser: object, value: object, name: object) -> None:
    body = (
        {**value, "fault": name}
        if isinstance(value, dict)
        else {"fault": name, "code": value, "seconds": value}
    )
    with suppress(ValueError):
        parser(body, 0)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (None, 'expected an object with "fault"'),
        ({}, 'expected an object with "fault"'),
        ({"fault": "dance"}, "'dance' is not among those allowed"),
        ({"fault": ["mute"]}, "is not among those allowed"),
        ({"fault": "mute", "loud": 1}, "is no parameter of it"),
        ({"fault": "lag", "seconds": "many"}, "expected seconds from 0 to 86400, found 'many'"),
        ({"fault": "lag", "seconds": float("nan")}, "expected seconds"),
        ({"fault": "partial", "tokens": []}, "a list of instrument tokens"),
        ({"fault": "drop", "code": 1006}, "expected one of 1000"),
        ({"fault": "malformed", "kind": "pretty"}, "'truncated'"),
    ],
)
def test_a_control_body_that_means_nothing_says_why(body: object, found: str) -> None:
    with pytest.raises(ValueError, match=re.escape(found)):
        parse_feed(body, 0)
