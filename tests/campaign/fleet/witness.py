"""Triggers and tables of the tests' own in the database: what was done there, by whom and when.

They see what the agents' own statements do, whatever these say of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.postgres import Database

SCHEMA = """
CREATE SCHEMA witness;
CREATE TABLE witness.lease (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    resource text NOT NULL, agent text, run text, epoch bigint NOT NULL
);
CREATE TABLE witness.written (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    what text NOT NULL, key text NOT NULL, former bigint, epoch bigint NOT NULL,
    held_from bigint, lease bigint, is_over boolean NOT NULL
);
CREATE TABLE witness.claim (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    letter text NOT NULL, epoch bigint NOT NULL, lease bigint, agent text
);
GRANT USAGE ON SCHEMA witness TO PUBLIC;
GRANT ALL ON ALL TABLES IN SCHEMA witness TO PUBLIC;

CREATE FUNCTION witness.of_desk(desk text) RETURNS openbell.lease LANGUAGE sql AS
    $$ SELECT * FROM openbell.lease WHERE resource = 'desk/' || desk $$;

CREATE FUNCTION witness.see_lease() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO witness.lease (resource, agent, run, epoch)
    VALUES (NEW.resource, NEW.agent, NEW.run, NEW.epoch);
    RETURN NULL;
END $$;
CREATE TRIGGER witness_taken AFTER INSERT ON openbell.lease
    FOR EACH ROW EXECUTE FUNCTION witness.see_lease();
CREATE TRIGGER witness_changed AFTER UPDATE ON openbell.lease FOR EACH ROW
    WHEN (NEW.run <> '' AND (OLD.epoch, OLD.run, OLD.agent) IS DISTINCT FROM (NEW.epoch, NEW.run, NEW.agent))
    EXECUTE FUNCTION witness.see_lease();

CREATE FUNCTION witness.see_value() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO witness.written (what, key, former, epoch, held_from, lease, is_over)
    VALUES ('value', NEW.key, CASE TG_OP WHEN 'UPDATE' THEN OLD.epoch END, NEW.epoch,
            (witness.of_desk(NEW.desk)).held_from, (witness.of_desk(NEW.desk)).epoch, false);
    RETURN NULL;
END $$;
CREATE TRIGGER witness_written AFTER INSERT OR UPDATE ON openbell.value
    FOR EACH ROW EXECUTE FUNCTION witness.see_value();

CREATE FUNCTION witness.see_incident() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO witness.written (what, key, former, epoch, held_from, lease, is_over)
    VALUES ('incident', NEW.id, CASE TG_OP WHEN 'UPDATE' THEN OLD.epoch END, NEW.epoch,
            (witness.of_desk(NEW.desk)).held_from, (witness.of_desk(NEW.desk)).epoch,
            NEW.closed_at IS NOT NULL);
    RETURN NULL;
END $$;
CREATE TRIGGER witness_written AFTER INSERT OR UPDATE ON openbell.incident
    FOR EACH ROW EXECUTE FUNCTION witness.see_incident();

CREATE FUNCTION witness.see_claim() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO witness.claim (letter, epoch, lease, agent)
    VALUES (NEW.id, NEW.claim_epoch, (witness.of_desk(NEW.desk)).epoch, (witness.of_desk(NEW.desk)).agent);
    RETURN NULL;
END $$;
CREATE TRIGGER witness_claimed AFTER UPDATE ON openbell.outbox FOR EACH ROW
    WHEN (NEW.claim_epoch IS NOT NULL AND OLD.claim_epoch IS DISTINCT FROM NEW.claim_epoch)
    EXECUTE FUNCTION witness.see_claim();
"""


@dataclass(frozen=True, slots=True)
class Held:
    """A lease as somebody took it; that one is given back is not among them."""

    at: float
    resource: str
    agent: str
    run: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Written:
    """An incident or a value as it was written: under which epoch, over which, while which was the desk's.

    `former` is `None` for a row that was new; `is_over` says of an incident that it is closed. The
    desk's owner has held it from the epoch `held_from` on, in one or several lives.
    """

    at: float
    what: str
    key: str
    former: int | None
    epoch: int
    held_from: int | None
    lease: int | None
    is_over: bool


@dataclass(frozen=True, slots=True)
class Claimed:
    """A letter as somebody claimed it, while which epoch was the desk's."""

    at: float
    letter: str
    epoch: int
    lease: int | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that was seen, each kind in its order."""

    held: tuple[Held, ...] = ()
    written: tuple[Written, ...] = ()
    claimed: tuple[Claimed, ...] = ()


def watch(database: Database) -> None:
    """Put the triggers into a database whose schema is there."""
    with database.admin() as connection:
        connection.execute(SCHEMA)


def evidence(database: Database) -> Evidence:
    """What has been seen so far."""
    at = "extract(epoch FROM at)::float8"
    with database.admin() as connection:
        held = connection.execute(f"SELECT {at}, resource, agent, run, epoch FROM witness.lease ORDER BY id")
        written = connection.execute(
            f"SELECT {at}, what, key, former, epoch, held_from, lease, is_over"
            " FROM witness.written ORDER BY id"
        )
        claimed = connection.execute(f"SELECT {at}, letter, epoch, lease FROM witness.claim ORDER BY id")
        return Evidence(
            tuple(Held(*row) for row in held),
            tuple(Written(*row) for row in written),
            tuple(Claimed(*row) for row in claimed),
        )
