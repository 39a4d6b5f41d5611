"""The frames are read as Google's own protobuf writes them, and no bytes at all break the reader."""

from __future__ import annotations

import random

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from openbell_upstox import update, wire
from openbell_upstox.simulator import frames
from openbell_upstox.update import Kind

NIFTY, INFY = "NSE_INDEX|Nifty 50", "NSE_EQ|INE009A01021"
NOON_MS = 1_795_588_200_123

MESSAGES = {
    "LTPC": {"ltp": (1, "double"), "ltt": (2, "int64"), "ltq": (3, "int64"), "cp": (4, "double")},
    "MarketFullFeed": {"ltpc": (1, "LTPC"), "atp": (5, "double"), "vtt": (6, "int64")},
    "IndexFullFeed": {"ltpc": (1, "LTPC")},
    "FullFeed": {"marketFF": (1, "MarketFullFeed"), "indexFF": (2, "IndexFullFeed")},
    "FirstLevelWithGreeks": {"ltpc": (1, "LTPC"), "vtt": (4, "int64")},
    "Feed": {
        "ltpc": (1, "LTPC"),
        "fullFeed": (2, "FullFeed"),
        "firstLevelWithGreeks": (3, "FirstLevelWithGreeks"),
    },
}
KINDS = ("initial_feed", "live_feed", "market_info")


def response():
    """Upstox's `FeedResponse`, built by Google's library as from the .proto file."""
    file = descriptor_pb2.FileDescriptorProto(name="feed.proto", package="up", syntax="proto3")
    kinds = file.enum_type.add(name="Type")
    for number, name in enumerate(KINDS):
        kinds.value.add(name=name, number=number)
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            _add(message, field, number, kind)
    whole = file.message_type.add(name="FeedResponse")
    entry = whole.nested_type.add(name="FeedsEntry")
    entry.options.map_entry = True
    _add(entry, "key", 1, "string")
    _add(entry, "value", 2, "Feed")
    whole.field.add(name="type", number=1, type=14, label=1, type_name=".up.Type")
    whole.field.add(name="feeds", number=2, type=11, label=3, type_name=".up.FeedResponse.FeedsEntry")
    _add(whole, "currentTs", 3, "int64")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("up.FeedResponse"))


def _add(message, name, number, kind):
    plain = {"double": 1, "int64": 3, "string": 9}
    field = message.field.add(name=name, number=number, label=1, type=plain.get(kind, 11))
    if kind not in plain:
        field.type_name = f".up.{kind}"


Response = response()


def written(kind, **feeds):
    """A frame of each way in which a feed may have its last trade."""
    whole = Response(type=KINDS.index(kind), currentTs=NOON_MS)
    for name, ms in feeds.items():
        way, key = name.split("_")
        feed = whole.feeds[key]
        ltpc = {
            "plain": lambda feed=feed: feed.ltpc,
            "market": lambda feed=feed: feed.fullFeed.marketFF.ltpc,
            "index": lambda feed=feed: feed.fullFeed.indexFF.ltpc,
            "greeks": lambda feed=feed: feed.firstLevelWithGreeks.ltpc,
        }[way]()
        ltpc.ltt, ltpc.ltp = ms, 100.5
    return whole


EACH = written("live_feed", plain_A=1, market_B=NOON_MS, index_C=127, greeks_D=128)


@pytest.mark.parametrize("form", ["protobuf", "json"])
def test_the_last_trade_is_found_in_every_mode(form) -> None:
    frame = EACH.SerializeToString() if form == "protobuf" else json_format.MessageToJson(EACH)
    assert update.read(frame) == update.Update(Kind.LIVE, {"A": 1, "B": NOON_MS, "C": 127, "D": 128})


@pytest.mark.parametrize("kind", KINDS)
def test_the_kind_is_told(kind) -> None:
    assert update.read(written(kind).SerializeToString()).kind == kind


@pytest.mark.parametrize("kind", KINDS)
def test_the_simulator_writes_what_google_reads(kind) -> None:
    traded = {} if kind == "market_info" else {NIFTY: NOON_MS, INFY: 1}
    read = Response.FromString(frames.protobuf(kind, traded, NOON_MS))
    assert {key: feed.ltpc.ltt for key, feed in read.feeds.items()} == traded
    assert (KINDS[read.type], read.currentTs) == (kind, NOON_MS)
    for frame in (frames.protobuf(kind, traded, NOON_MS), frames.in_json(kind, traded, NOON_MS)):
        assert update.read(frame) == update.Update(Kind(kind), traded)


def test_fields_that_are_not_known_are_passed_over() -> None:
    later = (
        bytes([15 << 3 | 2, 3]) + b"new" + bytes([14 << 3 | 5]) + b"1234" + bytes([13 << 3 | 1]) + b"12345678"
    )
    assert update.read(EACH.SerializeToString() + later) == update.read(EACH.SerializeToString())


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\x0a\xff",
        b"\x80" * 20,
        b"\x03",
        b"\x00",
        b"\x08\x09",
        "[1]",
        "{",
        '{"feeds": 3}',
        '{"type": "x"}',
    ],
)
def test_what_is_no_frame_is_none(frame) -> None:
    assert update.read(frame) is None


def test_no_bytes_break_the_reader() -> None:
    dice, whole = random.Random(7), EACH.SerializeToString()
    for _ in range(2000):
        broken = bytearray(whole[: dice.randrange(len(whole) + 1)])
        for _ in range(dice.randrange(4)):
            if broken:
                broken[dice.randrange(len(broken))] = dice.randrange(256)
        update.read(bytes(broken))


def test_a_long_integer_is_read_whole() -> None:
    message = bytes([1 << 3]) + b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
    assert wire.integer(wire.last(message), 1) == 2**64 - 1
