"""What an agent may do for its desk, by what it heard of the lease last."""

from __future__ import annotations

from agent.fleet.rows import Role
from agent.runtime.sharing.seat import ALONE_AFTER_S, GAP_S, Seat


def test_a_new_one_stands_by_and_sends_nothing() -> None:
    seat = Seat()
    assert seat.role(0.0) is Role.STANDBY
    assert not seat.may_send(0.0)


def test_a_lease_lasts_from_when_it_was_asked_for() -> None:
    seat = Seat().taken(4, asked_at=100.0, lasts_s=3.0)
    assert seat.epoch == 4
    assert seat.owns(102.9)
    assert seat.role(102.9) is Role.OWNER
    assert not seat.owns(103.0)


def test_one_that_stood_still_beyond_its_lease_may_not_send_when_it_goes_on() -> None:
    seat = Seat().taken(4, asked_at=100.0, lasts_s=3.0)
    assert not seat.may_send(160.0)


def failing(seat: Seat, since: float, until: float) -> Seat:
    at = since
    while at <= until:
        seat = seat.failed(at)
        at += 1.0
    return seat


def test_without_the_store_it_goes_on_alone_and_sends_by_itself_after_a_while() -> None:
    seat = failing(Seat().taken(4, 100.0, 3.0), 101.0, 130.0)
    assert seat.role(130.0) is Role.ALONE
    assert not seat.may_send(130.0)
    seat = failing(seat, 131.0, 131.0)
    assert seat.failing_since == 101.0
    assert seat.may_send(101.0 + ALONE_AFTER_S)


def test_time_in_which_it_stood_still_does_not_make_it_alone() -> None:
    seat = failing(Seat().taken(4, 100.0, 3.0), 101.0, 103.0)
    assert not seat.may_send(160.0), "stopped from 103 on, and nobody has tried since"
    seat = seat.failed(160.0)
    assert seat.failing_since == 160.0
    assert not seat.may_send(160.0)


def test_who_stands_by_is_never_alone() -> None:
    seat = failing(Seat().lost(), 0.0, 100.0)
    assert not seat.may_send(100.0)
    assert seat.role(100.0) is Role.STANDBY


def test_to_hear_again_ends_the_count() -> None:
    seat = failing(Seat().taken(4, 100.0, 3.0), 101.0, 140.0).taken(4, 141.0, 3.0)
    assert seat.failing_since is None
    assert seat.owns(143.9)
    assert not seat.is_alone(143.9)


def test_a_start_without_the_store_goes_on_in_the_epoch_that_it_had() -> None:
    seat = Seat().kept(7, 10.0)
    assert (seat.epoch, seat.role(10.0)) == (7, Role.ALONE)
    assert not seat.may_send(10.0)
    assert failing(seat, 11.0, 10.0 + ALONE_AFTER_S + GAP_S).may_send(10.0 + ALONE_AFTER_S + GAP_S)


def test_lost_keeps_nothing_but_the_number() -> None:
    assert Seat().taken(4, 100.0, 3.0).lost() == Seat(epoch=4)
