"""Kite's frames, well-formed and hostile, beside the stock client's own parser."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.feed.dialect import Tally
from plugins.feed.kite import KiteDialect
from plugins.feed.packets import MalformedFrameError, look_for, read_stamps, tokens_of

CANARIES = {256265: "NIFTY 50", 738561: "RELIANCE", 408065: "INFY"}
WANTED = look_for(CANARIES)
LENGTHS = (8, 28, 32, 44, 184)
STAMP = 1_700_000_000


def packet(token: int, length: int, stamp: int = STAMP) -> bytes:
    body = bytearray(length)
    struct.pack_into(">I", body, 0, token)
    if length in (32, 184):
        struct.pack_into(">I", body, 28 if length == 32 else 60, stamp)
    return bytes(body)


def frame(*packets: bytes) -> bytes:
    return struct.pack(">H", len(packets)) + b"".join(struct.pack(">H", len(p)) + p for p in packets)


def read(data: bytes) -> tuple[int, dict[int, float]]:
    stamps: dict[int, float] = {}
    return read_stamps(data, WANTED, stamps), stamps


TOKENS = st.one_of(st.sampled_from(sorted(CANARIES)), st.integers(1, 2**32 - 1))
PACKETS = st.builds(packet, TOKENS, st.sampled_from(LENGTHS), st.integers(0, 2**32 - 1))
ALIKE = st.builds(
    lambda tokens, length, stamp: [packet(t, length, stamp + i) for i, t in enumerate(tokens)],
    st.lists(TOKENS, min_size=1, max_size=120),
    st.sampled_from(LENGTHS),
    st.integers(0, 2**31),
)


@settings(deadline=None)
@given(st.one_of(st.lists(PACKETS, max_size=20), ALIKE))
def test_every_packet_is_counted_and_every_canary_in_full_mode_is_read(packets: list[bytes]) -> None:
    expected = {}
    for p in packets:
        token = int.from_bytes(p[:4], "big")
        if token in CANARIES and len(p) in (32, 184):
            at = 28 if len(p) == 32 else 60
            expected[token] = int.from_bytes(p[at : at + 4], "big")
    assert read(frame(*packets)) == (len(packets), expected)
    assert tokens_of(frame(*packets)) == [int.from_bytes(p[:4], "big") for p in packets]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=600))
def test_whatever_bytes_come_are_read_or_refused_and_nothing_else(data: bytes) -> None:
    stamps: dict[int, float] = {}
    try:
        count = read_stamps(data, WANTED, stamps)
    except MalformedFrameError:
        assert stamps == {}
    else:
        assert count == (int.from_bytes(data[:2], "big") if len(data) > 1 else 0)
        tokens_of(data)


@settings(deadline=None)
@given(st.lists(PACKETS, min_size=1, max_size=5), st.data())
def test_a_frame_that_was_cut_is_refused(packets: list[bytes], data: st.DataObject) -> None:
    whole = frame(*packets)
    cut = data.draw(st.integers(2, len(whole) - 1))
    with pytest.raises(MalformedFrameError):
        read(whole[:cut])


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\xff\xff" + frame(packet(1, 8))[2:], id="count 65535 over a short body"),
        pytest.param(b"\x00\x01\x00\x00", id="length 0"),
        pytest.param(b"\x00\x02" + b"\x00\x00" * 2, id="lengths 0, all alike"),
        pytest.param(frame(packet(1, 8)) + b"\x00", id="a byte after the last packet"),
        pytest.param(b"\x00\x00\x00", id="a byte after no packet"),
        pytest.param(frame(b"\x00\x00\x01"), id="a packet without a whole token"),
        pytest.param(b"\x00\x01", id="a packet that is not there"),
        pytest.param(b"\x00\x01\x00", id="half a length"),
    ],
)
def test_a_malformed_frame_is_dropped_and_counted_and_never_raises(data: bytes) -> None:
    with pytest.raises(MalformedFrameError):
        read(data)
    tally = Tally()
    KiteDialect("ws://127.0.0.1", "demo", CANARIES, {}).read(data, tally)
    assert (tally.malformed, tally.packets, tally.stamps) == (1, 0, {})


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x01", b"\xff"])
def test_a_heartbeat_has_no_packets(data: bytes) -> None:
    assert read(data) == (0, {})


def test_a_packet_of_an_unknown_length_is_counted_but_not_read() -> None:
    assert read(frame(packet(738561, 164), packet(256265, 32))) == (2, {256265: STAMP})


def test_the_stock_client_reads_the_same_timestamps() -> None:
    from kiteconnect import KiteTicker

    data = frame(packet(256265, 32), *(packet(t, 184, STAMP + 1) for t in (738561, 408065, 1000 << 8 | 1)))
    theirs = KiteTicker("key", "token")._parse_binary(data)
    count, ours = read(data)
    assert count == len(theirs) == 4
    assert ours == {
        tick["instrument_token"]: tick["exchange_timestamp"].timestamp()
        for tick in theirs
        if tick["instrument_token"] in CANARIES
    }


@pytest.mark.parametrize(
    ("text", "said", "malformed"),
    [
        pytest.param('{"type":"error","data":"Too many\\u001b[31m"}', "Too many[31m", 0, id="error"),
        pytest.param('{"type":"message","data":"Welcome"}', "Welcome", 0, id="message"),
        pytest.param('{"type":"order","data":{"id":1}}', "", 0, id="an order update"),
        pytest.param('{"type":"error","data":["a"]}', "['a']", 0, id="an error that is no text"),
        pytest.param('{"type":"error","data":"' + "x" * 900 + '"}', "x" * 200, 0, id="a long one"),
        pytest.param("[]", "", 0, id="no object"),
        pytest.param("{", "", 1, id="no JSON"),
        pytest.param("[" * 4000, "", 1, id="deep"),
        pytest.param("x" * 1_000_000, "", 0, id="too long to be for people"),
    ],
)
def test_texts_for_people_are_kept_short_and_printable(text: str, said: str, malformed: int) -> None:
    tally = Tally()
    KiteDialect("ws://127.0.0.1", "demo", CANARIES, {}).read(text, tally)
    assert (tally.said, tally.malformed) == (said, malformed)
