"""The steps of the shared store's schema, in SQL; texts that are keys compare by bytes."""

from __future__ import annotations

STEPS = (
    """
    CREATE TABLE openbell.meta (version integer NOT NULL);

    CREATE TABLE openbell.agent (
        name text COLLATE "C" PRIMARY KEY,
        desk text COLLATE "C" NOT NULL,
        instance text NOT NULL,
        run text NOT NULL,
        role text NOT NULL,
        url text,
        host text,
        version text,
        config_hash text,
        started_at timestamptz NOT NULL,
        changed_at timestamptz NOT NULL,
        ended_at timestamptz,
        word text
    );

    CREATE TABLE openbell.beat (
        agent text COLLATE "C" PRIMARY KEY,
        run text NOT NULL,
        seen_at timestamptz NOT NULL,
        clock_offset_ms double precision
    ) WITH (fillfactor = 50);

    CREATE TABLE openbell.lease (
        resource text COLLATE "C" PRIMARY KEY,
        agent text NOT NULL,
        instance text NOT NULL,
        run text NOT NULL,
        epoch bigint NOT NULL,
        held_from bigint NOT NULL,
        since timestamptz NOT NULL,
        ends_at timestamptz NOT NULL
    ) WITH (fillfactor = 50);

    CREATE TABLE openbell.shipped (
        instance text COLLATE "C" NOT NULL,
        run text COLLATE "C" NOT NULL,
        seq bigint NOT NULL,
        at timestamptz NOT NULL,
        PRIMARY KEY (instance, run)
    ) WITH (fillfactor = 50);

    CREATE TABLE openbell.transition (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        desk text COLLATE "C" NOT NULL,
        agent text NOT NULL,
        epoch bigint NOT NULL,
        at timestamptz NOT NULL,
        subject text COLLATE "C" NOT NULL,
        name text COLLATE "C" NOT NULL,
        grp text,
        before text,
        after text,
        reason text NOT NULL,
        message text NOT NULL,
        incident text COLLATE "C"
    );
    CREATE INDEX transition_order ON openbell.transition (desk, id);
    CREATE INDEX transition_incident ON openbell.transition (desk, incident) WHERE incident IS NOT NULL;
    CREATE INDEX transition_of_machine ON openbell.transition (desk, name, at) WHERE subject = 'machine';
    CREATE INDEX transition_by_people ON openbell.transition (desk, at)
        WHERE subject IN ('action', 'incident');

    CREATE TABLE openbell.incident (
        desk text COLLATE "C" NOT NULL,
        agent text NOT NULL,
        epoch bigint NOT NULL,
        id text COLLATE "C" NOT NULL,
        opened_at timestamptz NOT NULL,
        closed_at timestamptz,
        url text,
        code text NOT NULL,
        severity text NOT NULL,
        message text NOT NULL,
        acknowledged_by text,
        acknowledged_why text,
        acknowledged_at timestamptz,
        PRIMARY KEY (desk, id)
    );
    CREATE INDEX incident_opened_at ON openbell.incident (desk, opened_at);
    CREATE INDEX incident_open ON openbell.incident (desk) WHERE closed_at IS NULL;

    CREATE TABLE openbell.value (
        desk text COLLATE "C" NOT NULL,
        agent text NOT NULL,
        epoch bigint NOT NULL,
        key text COLLATE "C" NOT NULL,
        value text NOT NULL,
        PRIMARY KEY (desk, key)
    ) WITH (fillfactor = 70);

    CREATE TABLE openbell.outbox (
        desk text COLLATE "C" NOT NULL,
        agent text NOT NULL,
        epoch bigint NOT NULL,
        claim_epoch bigint,
        id text COLLATE "C" NOT NULL,
        seq bigint NOT NULL,
        notice text NOT NULL,
        notifier text NOT NULL,
        recipient text,
        stream text COLLATE "C" NOT NULL,
        type text NOT NULL,
        code text NOT NULL,
        severity text NOT NULL,
        body text NOT NULL,
        created_at timestamptz NOT NULL,
        next_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        state text NOT NULL,
        attempts bigint NOT NULL,
        ended_at timestamptz,
        last_error text,
        receipt text,
        refusals bigint NOT NULL,
        PRIMARY KEY (desk, id)
    ) WITH (fillfactor = 70);
    CREATE INDEX outbox_order ON openbell.outbox (desk, seq);
    CREATE INDEX outbox_stream ON openbell.outbox (desk, stream);
    CREATE INDEX outbox_open ON openbell.outbox (desk, seq) WHERE state IN ('pending', 'sending');

    CREATE TABLE openbell.deed (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        desk text COLLATE "C" NOT NULL,
        agent text NOT NULL,
        epoch bigint NOT NULL,
        at timestamptz NOT NULL,
        who text NOT NULL,
        person text,
        peer text NOT NULL,
        what text NOT NULL,
        status bigint NOT NULL
    );
    CREATE INDEX deed_order ON openbell.deed (desk, id);

    CREATE TABLE openbell.awake (
        desk text COLLATE "C" NOT NULL,
        agent text COLLATE "C" NOT NULL,
        epoch bigint NOT NULL,
        since timestamptz NOT NULL,
        until timestamptz NOT NULL,
        PRIMARY KEY (desk, agent, since)
    );
    CREATE INDEX awake_until ON openbell.awake (desk, until);
    """,
)
