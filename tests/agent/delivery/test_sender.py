"""One receiver's queue: in order, patient, and nobody else's burden."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta

import pytest

from agent.delivery.backoff import LONGEST, pause
from agent.delivery.sender import ATTEMPTS, Sender
from agent.errors import DeliveryError
from agent.model import Notice, NoticeReason, NoticeType, Receipt, Severity
from agent.testing import ManualClock, RecordingNotifier

NOON = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)


def notice(id_: str) -> Notice:
    return Notice(
        id=id_,
        type=NoticeType.PROBLEM,
        reason=NoticeReason.FIRST,
        code="FEED_STALE",
        severity=Severity.CRITICAL,
        message="Words",
        since=NOON,
        created_at=NOON,
        agent="desk",
    )


class Post:
    """A sender with its notifier, its clock and what it said of itself."""

    def __init__(self, notifier: object) -> None:
        self.clock = ManualClock()
        self.changes: list[bool] = []
        self.sender = Sender(
            "desk",
            "slack",
            notifier,  # type: ignore[arg-type]
            clock=self.clock,
            timeout=timedelta(seconds=10),
            changed=lambda: self.changes.append(self.sender.is_failing),
        )
        self.task = asyncio.ensure_future(self.sender.run())


@pytest.fixture
async def open_post():
    posts = []

    def build(notifier: object) -> Post:
        posts.append(Post(notifier))
        return posts[-1]

    yield build
    for post in posts:
        post.task.cancel()
        await asyncio.gather(post.task, return_exceptions=True)


async def test_notices_are_delivered_in_order_with_their_receipts(open_post) -> None:
    notifier = RecordingNotifier()
    post = open_post(notifier)
    for number in range(3):
        post.sender.tell(notice(str(number)))
    await post.clock.advance(0)
    assert [n.id for n in notifier.notices] == ["0", "1", "2"]
    assert next((d.state, d.attempts, d.receipt) for d in post.sender.deliveries) == (
        "delivered",
        1,
        Receipt(status="recorded", id="1"),
    )


async def test_a_passing_failure_is_tried_again_and_holds_the_order(open_post) -> None:
    notifier = RecordingNotifier()
    notifier.error = DeliveryError("503")
    post = open_post(notifier)
    post.sender.tell(notice("a"))
    post.sender.tell(notice("b"))
    await post.clock.advance(0)
    described = post.sender.describe()
    assert (described.state, described.error, described.waiting) == ("failing", "503", 2)
    notifier.error = None
    await post.clock.advance(LONGEST)
    assert [n.id for n in notifier.notices] == ["a", "b"]
    assert post.changes == [True, False]


async def test_a_permanent_failure_is_not_tried_again_and_the_next_notice_goes(open_post) -> None:
    class Choosy(RecordingNotifier):
        async def send(self, notice: Notice) -> Receipt:
            if notice.id == "bad":
                raise DeliveryError("410 gone", permanent=True)
            return await super().send(notice)

    notifier = Choosy()
    post = open_post(notifier)
    post.sender.tell(notice("bad"))
    post.sender.tell(notice("good"))
    await post.clock.advance(0)
    assert [(d.notice.id, d.state, d.attempts) for d in post.sender.deliveries] == [
        ("bad", "dead", 1),
        ("good", "delivered", 1),
    ]


async def test_a_notice_is_given_up_after_its_attempts(open_post) -> None:
    notifier = RecordingNotifier()
    notifier.error = ValueError("a bug")
    post = open_post(notifier)
    post.sender.tell(notice("a"))
    await post.clock.advance(LONGEST * ATTEMPTS)
    [delivery] = post.sender.deliveries
    assert (delivery.state, delivery.attempts, delivery.error) == ("dead", ATTEMPTS, "ValueError: a bug")


async def test_a_receiver_that_hangs_is_given_its_time_and_no_more(open_post) -> None:
    class Hanging:
        async def send(self, notice: Notice) -> Receipt:
            await asyncio.Event().wait()
            raise AssertionError

    post = open_post(Hanging())
    post.sender.tell(notice("a"))
    await post.clock.advance(9.9)
    assert not post.sender.is_failing
    await post.clock.advance(0.1)
    assert post.sender.describe().error == "no answer within 10 s"


async def test_a_slow_receiver_holds_up_no_other(open_post) -> None:
    class Hanging:
        async def send(self, notice: Notice) -> Receipt:
            await asyncio.Event().wait()
            raise AssertionError

    slow, notifier = open_post(Hanging()), RecordingNotifier()
    fast = open_post(notifier)
    slow.sender.tell(notice("a"))
    fast.sender.tell(notice("a"))
    await fast.clock.advance(0)
    assert [n.id for n in notifier.notices] == ["a"]


async def test_a_receivers_wish_is_a_floor(open_post) -> None:
    notifier = RecordingNotifier()
    notifier.error = DeliveryError("429", retry_after=timedelta(seconds=30))
    post = open_post(notifier)
    post.sender.tell(notice("a"))
    await post.clock.advance(0)
    notifier.error = None
    await post.clock.advance(29.9)
    assert notifier.notices == []
    await post.clock.advance(0.1)
    assert len(notifier.notices) == 1


@pytest.mark.parametrize(
    ("wish", "least", "most"),
    [
        pytest.param(None, 0, 2, id="no wish"),
        pytest.param(timedelta(seconds=-1), 0, 2, id="a wish for the past"),
        pytest.param(timedelta(seconds=30), 30, 30, id="a wish"),
        pytest.param(timedelta(days=365_000), 3600, 3600, id="a wish beyond reason"),
    ],
)
def test_the_first_pause(wish, least, most) -> None:
    rng = random.Random(1)
    drawn = [pause(1, wish, rng).total_seconds() for _ in range(200)]
    assert least <= min(drawn)
    assert max(drawn) <= most


def test_pauses_grow_to_a_bound_and_are_spread_over_it() -> None:
    rng = random.Random(1)
    drawn = [pause(40, None, rng) for _ in range(500)]
    assert timedelta(seconds=50) < max(drawn) <= LONGEST
    assert min(drawn) < timedelta(seconds=10)
