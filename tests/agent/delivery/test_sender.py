"""One notifier's letters: in order, patient, and nobody else's burden."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from datetime import timedelta

import pytest

from agent.alerts.gathered import GATHERED
from agent.alerts.letters import Letter, write
from agent.delivery.backoff import LONGEST, LONGEST_WISH, SLOWLY, pause
from agent.delivery.pace import BURST
from agent.delivery.sender import LANES, NO_RECEIVER, Sender
from agent.delivery.standing import PATIENCE
from agent.delivery.storm import MOST, WITHIN
from agent.errors import DeliveryError
from agent.model import Incident, Notice, NoticeReason, NoticeType, Receipt, Severity
from agent.testing import ManualClock, RecordingNotifier


class Program(RecordingNotifier):
    """A receiver that wants everything."""

    complete = True


class Choosy(Program):
    """A receiver that will never have the notice `bad`."""

    async def send(self, notice: Notice) -> Receipt:
        if notice.id == "bad":
            raise DeliveryError("410 gone", permanent=True)
        return await super().send(notice)


class Hanging:
    """A receiver that never answers; it counts who waits for it."""

    complete = True

    def __init__(self) -> None:
        self.waiting: list[str] = []

    async def send(self, notice: Notice) -> Receipt:
        self.waiting.append(notice.id)
        await asyncio.Event().wait()
        raise AssertionError


class Post:
    """A sender with its notifier, its clock, what it wrote down and what it said of itself."""

    def __init__(self, notifier: object, clock: ManualClock | None = None) -> None:
        self.clock = clock or ManualClock()
        self.is_permitted = True
        self.changes: list[bool] = []
        self.kept: list[Letter] = []
        self.seq = 0
        self.sender = Sender(
            "desk",
            "slack",
            notifier,  # type: ignore[arg-type]
            clock=self.clock,
            timeout=timedelta(seconds=10),
            keep=self.kept.append,
            changed=lambda: self.changes.append(self.sender.is_failing),
            permit=lambda: self.is_permitted,
        )
        self.task = asyncio.ensure_future(self.sender.run())

    def notice(self, id_: str, *, incident: str | None = None, **changes: object) -> Notice:
        now = self.clock.now()
        values: dict[str, object] = {
            "id": id_,
            "type": NoticeType.PROBLEM,
            "reason": NoticeReason.FIRST,
            "code": "FEED_STALE",
            "severity": Severity.CRITICAL,
            "message": "Words",
            "since": now,
            "created_at": now,
            "agent": "desk",
            "incident": Incident(id=incident, opened_at=now) if incident else None,
        }
        return Notice(**(values | changes))  # type: ignore[arg-type]

    def letters(self, id_: str, **changes: object) -> tuple[Letter, ...]:
        notice = self.notice(id_, **changes)  # type: ignore[arg-type]
        found = write(notice, self.sender.addresses, after=self.seq, now=self.clock.now())
        self.seq += len(found)
        return found

    def tell(self, id_: str, **changes: object) -> None:
        self.sender.post(self.letters(id_, **changes))

    def recover(self, id_: str, incident: str) -> None:
        self.tell(
            id_, incident=incident, type=NoticeType.RECOVERY, reason=NoticeReason.RECOVERED,
            severity=Severity.OK, duration=timedelta(minutes=3),
        )  # fmt: skip

    def ended(self) -> list[tuple[str, str, int]]:
        return [(one.notice, str(one.state), one.attempts) for one in self.kept if not one.is_open]


@pytest.fixture
async def open_post():
    posts = []

    def build(notifier: object, clock: ManualClock | None = None) -> Post:
        posts.append(Post(notifier, clock))
        return posts[-1]

    yield build
    for post in posts:
        post.task.cancel()
        await asyncio.gather(post.task, return_exceptions=True)


def ids(notifier: RecordingNotifier) -> list[str]:
    return [notice.id for notice in notifier.notices]


async def test_an_incidents_notices_are_delivered_in_order_with_their_receipts(open_post) -> None:
    notifier = Program()
    post = open_post(notifier)
    for number in range(3):
        post.tell(str(number), incident="one")
    await post.clock.advance(0)
    assert ids(notifier) == ["0", "1", "2"]
    assert post.ended() == [("0", "delivered", 1), ("1", "delivered", 1), ("2", "delivered", 1)]
    assert next(one.receipt for one in post.kept if not one.is_open) == "recorded 1"


async def test_every_step_is_kept_before_the_next_one_is_taken(open_post) -> None:
    notifier = Program()
    notifier.error = DeliveryError("503")
    post = open_post(notifier)
    post.tell("a")
    await post.clock.advance(0)
    notifier.error = None
    await post.clock.advance(LONGEST)
    assert [(str(one.state), one.attempts, one.last_error) for one in post.kept] == [
        ("sending", 1, None),
        ("pending", 1, "503"),
        ("sending", 2, "503"),
        ("delivered", 2, None),
    ]
    assert len({(one.id, one.body) for one in post.kept}) == 1


async def test_a_failure_holds_up_its_own_incident_and_no_other(open_post) -> None:
    class Stuck(Program):
        async def send(self, notice: Notice) -> Receipt:
            if notice.incident is not None and notice.incident.id == "stuck" and self.error is not None:
                raise self.error
            self.notices.append(notice)
            return Receipt(status="ok")

    notifier = Stuck()
    notifier.error = DeliveryError("503")
    post = open_post(notifier)
    post.tell("a1", incident="stuck")
    post.tell("a2", incident="stuck")
    post.tell("b1", incident="free")
    await post.clock.advance(0)
    assert ids(notifier) == ["b1"]
    notifier.error = None
    await post.clock.advance(LONGEST)
    assert ids(notifier) == ["b1", "a1", "a2"]
    assert post.changes[-1] is False


async def test_a_permanent_failure_is_not_tried_again_and_the_next_notice_goes(open_post) -> None:
    notifier = Choosy()
    post = open_post(notifier)
    post.tell("bad", incident="one")
    post.tell("good", incident="one")
    await post.clock.advance(0)
    assert post.ended() == [("bad", "dead", 1), ("good", "delivered", 1)]


@pytest.mark.parametrize(
    ("severity", "hours", "life"),
    [
        (Severity.INFO, 1, "1h"),
        (Severity.WARNING, 6, "6h"),
        (Severity.CRITICAL, 24, "1d"),
        (Severity.OK, 24, "1d"),
    ],
)
async def test_a_notice_that_is_no_longer_worth_it_ends_dead_and_says_why(
    open_post, severity, hours, life
) -> None:
    notifier = RecordingNotifier()
    notifier.error = ValueError("a bug")
    post = open_post(notifier)
    post.tell("a", severity=severity)
    await post.clock.advance(timedelta(hours=hours) - timedelta(seconds=1))
    assert post.ended() == []
    await post.clock.advance(1)
    [(_, state, attempts)] = post.ended()
    assert (state, attempts > 5) == ("dead", True)
    assert post.kept[-1].last_error == f"not delivered within {life}: ValueError: a bug"


async def test_a_receiver_that_hangs_is_given_its_time_and_no_more(open_post) -> None:
    post = open_post(Hanging())
    post.tell("a")
    await post.clock.advance(9.9)
    assert not post.sender.is_failing
    await post.clock.advance(0.1)
    assert post.sender.describe().error == "no answer within 10 s"


async def test_a_slow_receiver_holds_up_no_other(open_post) -> None:
    clock = ManualClock()
    slow, notifier = open_post(Hanging(), clock), RecordingNotifier()
    fast = open_post(notifier, clock)
    slow.tell("a")
    fast.tell("a")
    await clock.advance(0)
    assert ids(notifier) == ["a"]


async def test_a_receivers_wish_is_a_floor_for_all_that_it_is_sent(open_post) -> None:
    notifier = Program()
    notifier.error = DeliveryError("429", retry_after=timedelta(seconds=30))
    post = open_post(notifier)
    post.tell("a")
    await post.clock.advance(0)
    notifier.error = None
    post.tell("b")
    await post.clock.advance(29.9)
    assert notifier.notices == []
    await post.clock.advance(0.1)
    assert sorted(ids(notifier)) == ["a", "b"]


async def test_a_notice_expires_even_while_the_receiver_wants_a_pause(open_post) -> None:
    notifier = Program()
    notifier.error = DeliveryError("429", retry_after=LONGEST_WISH)
    post = open_post(notifier)
    post.tell("a", severity=Severity.INFO)
    await post.clock.advance(LONGEST_WISH)
    assert post.ended()[0][:2] == ("a", "dead")


class Silent(Program):
    """A receiver that takes long to fail; it counts how many are with it at once."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self.clock = clock
        self.present = 0
        self.most = 0

    async def send(self, notice: Notice) -> Receipt:
        self.present += 1
        self.most = max(self.most, self.present)
        try:
            await self.clock.sleep(5)
        finally:
            self.present -= 1
        return await super().send(notice)


async def test_a_receiver_that_keeps_failing_is_tried_with_one_letter_at_a_time_until_it_takes_one(
    open_post,
) -> None:
    clock = ManualClock()
    notifier = Silent(clock)
    notifier.error = DeliveryError("503")
    post = open_post(notifier, clock)
    for number in range(PATIENCE + LANES):
        post.tell(str(number))
    await clock.advance(30)
    assert notifier.most == LANES
    await clock.advance(LONGEST)
    notifier.most = notifier.present
    await clock.advance(timedelta(minutes=10))
    assert notifier.most == 1
    notifier.error = None
    await clock.advance(timedelta(minutes=10))
    assert len(notifier.notices) == PATIENCE + LANES
    assert not post.sender.is_failing


async def test_several_incidents_are_under_way_at_once_up_to_the_lanes(open_post) -> None:
    hanging = Hanging()
    post = open_post(hanging)
    for number in range(LANES + 3):
        post.tell(str(number))
    await post.clock.advance(1)
    assert len(hanging.waiting) == LANES


async def test_people_get_one_message_for_an_alarm_that_was_over_before_it_could_be_told(open_post) -> None:
    notifier = RecordingNotifier()
    notifier.error = DeliveryError("down")
    post = open_post(notifier)
    post.tell("a", incident="one")
    post.tell("worse", incident="one")
    await post.clock.advance(0)
    post.recover("b", "one")
    notifier.error = None
    await post.clock.advance(LONGEST)
    assert ids(notifier) == ["b"]
    assert post.ended() == [("a", "superseded", 1), ("worse", "superseded", 0), ("b", "delivered", 1)]
    assert post.kept[-3].receipt == "told by the recovery b"
    assert post.sender.waiting == ()


async def test_a_program_gets_the_alarm_and_its_end(open_post) -> None:
    notifier = Program()
    notifier.error = DeliveryError("down")
    post = open_post(notifier)
    post.tell("a", incident="one")
    post.recover("b", "one")
    await post.clock.advance(0)
    notifier.error = None
    await post.clock.advance(LONGEST)
    assert ids(notifier) == ["a", "b"]


class Mail:
    """Two people behind one server, of whom one has no room."""

    recipients = ("full@example.com", "free@example.com")

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    async def send_to(self, recipient: str, notice: Notice) -> Receipt:
        if recipient.startswith("full"):
            raise DeliveryError("552 no room", permanent=True)
        self.told.append((recipient, notice.id))
        return Receipt(status="250")

    async def send(self, notice: Notice) -> Receipt:
        raise AssertionError("each recipient has a letter of their own")


async def test_each_recipient_has_a_letter_a_line_and_a_receipt_of_their_own(open_post) -> None:
    mail = Mail()
    post = open_post(mail)
    post.tell("a")
    await post.clock.advance(0)
    assert mail.told == [("free@example.com", "a")]
    ended = {one.address.recipient: (str(one.state), one.receipt) for one in post.kept if not one.is_open}
    assert ended == {"full@example.com": ("dead", None), "free@example.com": ("delivered", "250")}
    assert not [one.id for one in post.kept if "example" in one.id]


async def test_a_letter_that_waits_already_is_not_taken_twice(open_post) -> None:
    notifier = Program()
    post = open_post(notifier)
    letters = post.letters("a")
    post.sender.post(letters)
    post.sender.post(letters)
    await post.clock.advance(0)
    assert ids(notifier) == ["a"]


async def test_a_receipt_that_is_none_is_no_reason_to_send_again(open_post) -> None:
    class Careless(Program):
        async def send(self, notice: Notice) -> Receipt:
            self.notices.append(notice)
            return None  # type: ignore[return-value]

    notifier = Careless()
    post = open_post(notifier)
    post.tell("a")
    await post.clock.advance(LONGEST)
    assert ids(notifier) == ["a"]
    assert post.ended() == [("a", "delivered", 1)]


async def test_a_body_that_cannot_be_read_costs_that_letter_alone(open_post) -> None:
    notifier = Program()
    post = open_post(notifier)
    [bad] = post.letters("bad")
    post.sender.post([replace(bad, body='{"id": "bad"')])
    post.tell("good")
    await post.clock.advance(0)
    assert ids(notifier) == ["good"]
    assert ("bad", "dead", 1) in post.ended()


async def test_a_set_clock_neither_expires_nor_hastens_what_waits(open_post) -> None:
    notifier = Program()
    notifier.error = DeliveryError("429", retry_after=timedelta(minutes=10))
    post = open_post(notifier)
    post.tell("a")
    await post.clock.advance(0)
    notifier.error = None
    step = timedelta(days=20_000)
    post.clock.step_wall(step)
    post.sender.shift(step)
    await post.clock.advance(timedelta(minutes=9, seconds=59))
    assert (notifier.notices, post.ended()) == ([], [])
    await post.clock.advance(1)
    assert ids(notifier) == ["a"]


async def test_a_clock_that_is_set_during_an_attempt_does_not_end_the_letter(open_post) -> None:
    clock = ManualClock()
    notifier = Silent(clock)
    notifier.error = DeliveryError("503")
    post = open_post(notifier, clock)
    post.tell("a")
    await clock.advance(1)
    step = timedelta(days=20_000)
    clock.step_wall(step)
    post.sender.shift(step)
    await clock.advance(5)
    notifier.error = None
    await clock.advance(LONGEST)
    assert ids(notifier) == ["a"]


@pytest.mark.parametrize("error", [SystemExit(3), AssertionError("a bug"), RecursionError()], ids=repr)
async def test_whatever_a_notifier_raises_is_a_failed_attempt_and_no_more(open_post, error) -> None:
    class Broken(Program):
        async def send(self, notice: Notice) -> Receipt:
            if not self.notices:
                self.notices.append(notice)
                raise error
            return await super().send(notice)

    notifier = Broken()
    post = open_post(notifier)
    post.tell("a")
    await post.clock.advance(LONGEST)
    assert post.ended() == [("a", "delivered", 2)]


async def test_a_remark_of_the_notifier_is_in_the_receipts_in_the_log_once_and_stays_known(
    open_post, caplog: pytest.LogCaptureFixture
) -> None:
    class Remarking(Program):
        async def send(self, notice: Notice) -> Receipt:
            remark = "told in other words" if notice.id != "fine" else None
            return Receipt(status="200", remark=remark)

    post = open_post(Remarking())
    for id_ in ("a", "b", "fine"):
        post.tell(id_, incident="one")
    await post.clock.advance(0)
    assert [one.receipt for one in post.kept if not one.is_open] == [
        "200; told in other words", "200; told in other words", "200",
    ]  # fmt: skip
    assert caplog.messages == ["notifier desk: told in other words"]
    assert post.sender.remark == "told in other words"
    assert post.changes == [False]


async def test_of_many_at_once_a_person_gets_twenty_in_a_minute_and_one_that_tells_of_the_rest(
    open_post,
) -> None:
    notifier = RecordingNotifier()
    post = open_post(notifier)
    for number in range(MOST):
        post.tell(f"a{number}")
        await post.clock.advance(0)
    assert len(notifier.notices) == MOST
    for number in range(500):
        post.tell(f"b{number}")
        await post.clock.advance(0.1)
    assert len(notifier.notices) == MOST
    await post.clock.advance(WITHIN)
    assert len(notifier.notices) == MOST + 1
    digest = notifier.notices[-1]
    assert (digest.code, digest.agent) == (GATHERED, "desk")
    assert digest.message.startswith("500 notices came")
    assert len([one for one in post.kept if one.receipt == f"told by the digest {digest.id}"]) == 500
    assert post.sender.waiting == ()


async def test_incidents_that_are_over_are_folded_before_they_are_counted(open_post) -> None:
    notifier = RecordingNotifier()
    notifier.error = DeliveryError("down", retry_after=timedelta(minutes=1))
    post = open_post(notifier)
    post.tell("first")
    await post.clock.advance(0)
    for number in range(MOST - 1):
        post.tell(f"a{number}", incident=str(number))
        post.recover(f"b{number}", str(number))
    notifier.error = None
    await post.clock.advance(timedelta(minutes=1))
    assert sorted(ids(notifier)) == sorted(["first", *(f"b{number}" for number in range(MOST - 1))])


async def test_a_digest_that_is_not_taken_is_tried_again_and_goes_into_no_other(open_post) -> None:
    notifier = RecordingNotifier()
    notifier.error = DeliveryError("503")
    post = open_post(notifier)
    for number in range(MOST + 1):
        post.tell(f"a{number}")
    await post.clock.advance(0)
    [digest] = post.sender.waiting
    for number in range(MOST + 1):
        post.tell(f"b{number}")
    notifier.error = None
    await post.clock.advance(LONGEST)
    assert sorted(notice.message[:2] for notice in notifier.notices) == ["21", "21"]
    assert digest.notice in ids(notifier)


async def test_a_program_is_told_each_however_many_there_are(open_post) -> None:
    notifier = Program()
    post = open_post(notifier)
    for number in range(5 * MOST):
        post.tell(str(number))
    async with asyncio.timeout(30):
        while len(notifier.notices) < 5 * MOST:
            await post.clock.advance(0)
    assert len(notifier.notices) == 5 * MOST


async def test_a_flood_to_one_recipient_holds_up_no_other(open_post) -> None:
    class Two(Mail):
        async def send_to(self, recipient: str, notice: Notice) -> Receipt:
            self.told.append((recipient, notice.id))
            return Receipt(status="250")

    mail = Two()
    post = open_post(mail)
    full, free = mail.recipients
    for number in range(MOST):
        post.sender.post([one for one in post.letters(f"a{number}") if one.address.recipient == full])
        await post.clock.advance(0)
    post.tell("b")
    await post.clock.advance(1)
    assert [who for who, id_ in mail.told if id_ == "b"] == [free]
    await post.clock.advance(WITHIN)
    assert [who for who, id_ in mail.told if id_ == "b"] == [free, full]


async def test_a_recipient_that_wants_a_pause_holds_up_no_other(open_post) -> None:
    class Two(Mail):
        async def send_to(self, recipient: str, notice: Notice) -> Receipt:
            if recipient.startswith("full"):
                raise DeliveryError("401", needs_person=True)
            self.told.append((recipient, notice.id))
            return Receipt(status="250")

    mail = Two()
    post = open_post(mail)
    for number in range(3):
        post.tell(str(number))
        await post.clock.advance(1)
    assert mail.told == [("free@example.com", str(number)) for number in range(3)]


async def test_a_receiver_with_a_pace_gets_a_few_at_once_and_then_one_at_a_time(open_post) -> None:
    class Slow(Program):
        pace = timedelta(seconds=1)

    notifier = Slow()
    post = open_post(notifier)
    for number in range(BURST + 2):
        post.tell(str(number))
    await post.clock.advance(0)
    assert len(notifier.notices) == BURST
    await post.clock.advance(0.9)
    assert len(notifier.notices) == BURST
    await post.clock.advance(0.1)
    assert len(notifier.notices) == BURST + 1
    await post.clock.advance(1)
    assert len(notifier.notices) == BURST + 2


async def test_a_receiver_that_turns_us_away_is_left_alone_by_all_letters_meanwhile(open_post) -> None:
    notifier = Program()
    notifier.error = DeliveryError("401", needs_person=True)
    post = open_post(notifier)
    post.tell("a")
    await post.clock.advance(0)
    notifier.error = None
    post.tell("b")
    await post.clock.advance(SLOWLY - timedelta(seconds=1))
    assert notifier.notices == []
    await post.clock.advance(1)
    assert sorted(ids(notifier)) == ["a", "b"]


async def test_what_is_given_up_because_nobody_set_the_receiver_right_says_so(open_post) -> None:
    notifier = Program()
    notifier.error = DeliveryError("404 not found", needs_person=True)
    post = open_post(notifier)
    post.tell("a")
    await post.clock.advance(timedelta(minutes=10) - timedelta(seconds=1))
    assert post.ended() == []
    await post.clock.advance(1)
    assert post.ended() == [("a", "dead", 4)]
    assert post.kept[-1].last_error == "turned away 4 times: 404 not found"


async def test_stopping_waits_for_what_is_under_way_and_not_for_what_is_deferred(open_post) -> None:
    notifier = Program()
    notifier.error = DeliveryError("503")
    post = open_post(notifier)
    post.tell("deferred")
    await post.clock.advance(0)
    await asyncio.wait_for(post.sender.drain(3), 5)

    hanging = open_post(Hanging())
    hanging.tell("under way")
    await hanging.clock.advance(0)
    drain = asyncio.ensure_future(hanging.sender.drain(3))
    await hanging.clock.advance(2.9)
    assert not drain.done()
    await hanging.clock.advance(0.1)
    assert drain.done()


async def test_a_sender_that_is_started_again_sends_what_was_under_way(open_post) -> None:
    class Reluctant(Program):
        async def send(self, notice: Notice) -> Receipt:
            if self.error is not None:
                await asyncio.Event().wait()
            return await super().send(notice)

    notifier = Reluctant()
    notifier.error = DeliveryError("hangs")
    post = open_post(notifier)
    post.tell("a")
    await post.clock.advance(0)
    post.task.cancel()
    await asyncio.gather(post.task, return_exceptions=True)
    notifier.error = None
    post.task = asyncio.ensure_future(post.sender.run())
    await post.clock.advance(0)
    assert ids(notifier) == ["a"]


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


@pytest.mark.parametrize(
    ("age", "bound"),
    [
        pytest.param(timedelta(minutes=14), LONGEST, id="young"),
        pytest.param(timedelta(minutes=15), timedelta(minutes=10), id="a quarter of an hour old"),
        pytest.param(timedelta(hours=6), timedelta(hours=1), id="six hours old"),
    ],
)
def test_pauses_grow_to_a_bound_by_age_and_are_spread_over_it(age, bound) -> None:
    rng = random.Random(1)
    drawn = [pause(40, None, rng, age) for _ in range(500)]
    assert bound * 0.8 < max(drawn) <= bound
    assert min(drawn) < bound / 6


class Two(Program):
    """A receiver in several people."""

    def __init__(self, *recipients: str) -> None:
        super().__init__()
        self.recipients = recipients

    async def send_to(self, recipient: str, notice: Notice) -> Receipt:
        return await self.send(notice)


async def test_another_notifier_in_the_same_place_gets_at_once_what_waited(open_post) -> None:
    former, present = Program(), Program()
    former.error = DeliveryError("429", retry_after=timedelta(minutes=30))
    post = open_post(former)
    post.tell("a", incident="one")
    post.tell("b", incident="one")
    await post.clock.advance(0)
    post.sender.adopt(present, kind="webhook", timeout=timedelta(seconds=1))
    await post.clock.advance(0)
    assert ids(present) == ["a", "b"]
    assert former.notices == []
    assert (post.sender.describe().kind, post.sender.is_failing) == ("webhook", False)


async def test_what_waits_for_a_receiver_that_is_no_longer_named_is_dead_and_says_so(open_post) -> None:
    former, present = Two("ann", "bob"), Two("bob")
    former.error = DeliveryError("away")
    post = open_post(former)
    post.tell("a")
    await post.clock.advance(0)
    post.sender.adopt(present, kind="email", timeout=timedelta(seconds=1))
    await post.clock.advance(0)
    ended = {one.address.recipient: (str(one.state), one.last_error) for one in post.kept if not one.is_open}
    assert ended == {"ann": ("dead", NO_RECEIVER), "bob": ("delivered", None)}


async def test_what_was_under_way_to_such_a_receiver_is_not_tried_a_second_time(open_post) -> None:
    class Slow(Two):
        async def send_to(self, recipient: str, notice: Notice) -> Receipt:
            await asyncio.Event().wait()
            raise AssertionError

    post = open_post(Slow("ann"))
    post.tell("a")
    await post.clock.advance(1)
    post.sender.adopt(Two("bob"), kind="email", timeout=timedelta(seconds=10))
    await post.clock.advance(timedelta(minutes=1))
    [ended] = [one for one in post.kept if not one.is_open]
    assert (str(ended.state), ended.attempts, ended.last_error) == ("dead", 1, NO_RECEIVER)


async def test_with_its_notifier_gone_all_that_waits_is_dead(open_post) -> None:
    notifier = Program()
    notifier.error = DeliveryError("away")
    post = open_post(notifier)
    post.tell("a", incident="one")
    post.tell("b", incident="one")
    await post.clock.advance(0)
    post.task.cancel()
    await asyncio.gather(post.task, return_exceptions=True)
    post.sender.close()
    assert [(notice, state) for notice, state, _ in post.ended()] == [("a", "dead"), ("b", "dead")]
    assert post.sender.waiting == ()


# -- by permission -----------------------------------------------------------------------------------


async def test_nothing_is_sent_without_permission_and_all_in_its_order_with_it(open_post) -> None:
    notifier = Program()
    post = open_post(notifier)
    post.is_permitted = False
    for name in ("a", "b"):
        post.tell(name, incident="one")
    await post.clock.advance(60)
    assert (ids(notifier), post.kept) == ([], [])
    post.is_permitted = True
    await post.clock.advance(60)
    assert ids(notifier) == []
    post.sender.wake()
    await post.clock.advance(0)
    assert ids(notifier) == ["a", "b"]


async def test_a_failed_attempt_is_not_repeated_without_permission(open_post) -> None:
    notifier = Program()
    notifier.error = DeliveryError("503")
    post = open_post(notifier)
    post.tell("a")
    await post.clock.advance(0)
    post.is_permitted, notifier.error = False, None
    await post.clock.advance(LONGEST)
    assert ids(notifier) == []
    post.is_permitted = True
    post.sender.wake()
    await post.clock.advance(0)
    assert ids(notifier) == ["a"]


async def test_what_expires_without_permission_is_given_up_only_with_it(open_post) -> None:
    post = open_post(Program())
    post.is_permitted = False
    post.tell("a", severity=Severity.INFO)
    await post.clock.advance(timedelta(hours=2))
    assert post.kept == []
    post.is_permitted = True
    post.sender.wake()
    await post.clock.advance(0)
    assert post.ended() == [("a", "dead", 0)]


async def test_an_attempt_that_is_under_way_ends_though_the_permission_does(open_post) -> None:
    class Asking(Program):
        async def send(self, notice: Notice) -> Receipt:
            post.is_permitted = False
            return await super().send(notice)

    post = open_post(Asking())
    post.tell("a", incident="one")
    post.tell("b", incident="one")
    await post.clock.advance(0)
    assert post.ended() == [("a", "delivered", 1)]


async def test_draining_does_not_wait_for_what_is_not_permitted(open_post, caplog) -> None:
    post = open_post(Program())
    post.is_permitted = False
    post.tell("a")
    await post.sender.drain(3.0)
    assert caplog.records == []


async def test_a_person_can_try_a_notifier_without_permission(open_post) -> None:
    notifier = Program()
    post = open_post(notifier)
    post.is_permitted = False
    [letter] = post.letters("test")
    assert (await post.sender.attempt(letter)).state == "delivered"
