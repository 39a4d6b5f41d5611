from __future__ import annotations

import asyncio

import pytest

from agent.testing import settle
from agent.watched import Watched


def test_a_subscriber_is_told_each_new_value():
    price, told = Watched(1), []
    price.subscribe(told.append)
    price.set(2)
    price.set(3)
    assert told == [2, 3]
    assert price.value == 3


def test_setting_an_equal_value_is_no_change():
    names, told = Watched(("a",)), []
    names.subscribe(told.append)
    names.set(("a",))
    assert told == []


def test_subscribers_are_told_in_the_order_in_which_they_came():
    price, told = Watched(1), []
    price.subscribe(lambda _: told.append("first"))
    price.subscribe(lambda _: told.append("second"))
    price.set(2)
    assert told == ["first", "second"]


def test_a_subscriber_that_is_told_sees_the_new_value():
    price, seen = Watched(1), []
    price.subscribe(lambda _: seen.append(price.value))
    price.set(2)
    assert seen == [2]


def test_a_subscription_that_ended_is_told_nothing():
    price, told = Watched(1), []
    unsubscribe = price.subscribe(told.append)
    unsubscribe()
    unsubscribe()
    price.set(2)
    assert told == []


def test_a_subscriber_may_end_its_own_subscription_when_told():
    price, told = Watched(1), []

    def once(value: int) -> None:
        told.append(value)
        unsubscribe()

    unsubscribe = price.subscribe(once)
    price.subscribe(told.append)
    price.set(2)
    price.set(3)
    assert told == [2, 2, 3]


def test_one_of_two_equal_subscriptions_ends_alone():
    price, told = Watched(1), []
    unsubscribe = price.subscribe(told.append)
    price.subscribe(told.append)
    unsubscribe()
    price.set(2)
    assert told == [2]


def test_a_watched_value_shows_its_value():
    assert repr(Watched("LIVE")) == "Watched('LIVE')"


async def test_waiting_for_what_already_holds_does_not_wait():
    assert await Watched(5).until(lambda value: value > 3) == 5


async def test_waiting_ends_with_the_first_value_that_holds():
    price = Watched(1)
    waiting = asyncio.ensure_future(price.until(lambda value: value > 3))
    await settle()
    price.set(2)
    await settle()
    assert not waiting.done()
    price.set(4)
    price.set(5)
    assert await waiting == 4


async def test_many_may_wait_for_different_values():
    price = Watched(0)
    waits = [
        asyncio.ensure_future(price.until(lambda value, wanted=wanted: value == wanted)) for wanted in (2, 1)
    ]
    await settle()
    price.set(1)
    price.set(2)
    assert await asyncio.gather(*waits) == [2, 1]


async def test_a_wait_that_was_given_up_is_told_no_more():
    price, asked = Watched(1), []

    def look(value: int) -> bool:
        asked.append(value)
        return False

    waiting = asyncio.ensure_future(price.until(look))
    await settle()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    price.set(2)
    assert asked == [1]


def test_a_subscriber_that_raises_costs_neither_the_others_nor_the_setter(caplog):
    def leave(value):
        raise SystemExit(value)

    price, told = Watched(1), []
    price.subscribe(leave)
    price.subscribe(told.append)
    price.set(2)
    assert told == [2]
    assert "SystemExit: 2" in caplog.text


async def test_a_condition_that_raises_is_its_waiters():
    price = Watched(1)
    waiting = asyncio.ensure_future(price.until(lambda value: 1 / (2 - value) == 0))
    await settle()
    price.set(2)
    with pytest.raises(ZeroDivisionError):
        await waiting
