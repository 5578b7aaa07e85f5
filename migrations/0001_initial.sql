-- One history for SQLite and PostgreSQL. Ids are text, money is bigint fen, time is bigint ms UTC, flags are bigint 0/1
-- (the drivers' common ground), bytes are bytea (SQLite takes the name and stores a blob).

-- Facts about this instance: the fingerprint of the master key, the WeChat fan-out token, the state of the sender.
create table instance (
    name text primary key,
    value text not null
);

-- Append-only hash chains: `ledger` (money) and `audit` (who did what). Each append moves the head row, which serialises appends.
create table chain_head (
    chain text primary key,
    size bigint not null,
    head text not null
);
create table chain_row (
    chain text not null,
    seq bigint not null,
    at bigint not null,
    body text not null,          -- canonical JSON, what is hashed
    hash text not null,
    primary key (chain, seq)
);

-- Staff ---------------------------------------------------------------------------------------------------------------
create table staff (
    id text primary key,
    username text not null unique,
    password_hash text not null, -- Argon2id, PHC string
    token_hash text unique,      -- SHA-256 of the API token
    roles text not null,         -- comma-separated: owner,host,reviewer,finance,auditor
    disabled bigint not null default 0,
    created_at bigint not null
);
create table staff_session (
    token_hash text primary key, -- SHA-256 of the cookie's value
    staff_id text not null references staff (id),
    created_at bigint not null,
    seen_at bigint not null      -- moved at most once a minute; an open control socket counts as being here
);
create table login_failure (
    username text not null,
    at bigint not null
);
create index login_failure_by_name on login_failure (username, at);

-- The answer to a command that must not happen twice; kept a day.
create table idempotency (
    scope text not null,         -- caller and route
    idem_key text not null,
    body_hash text not null,
    status bigint not null default 0,   -- 0 while the first one is still running
    answer text not null default '',
    at bigint not null,
    primary key (scope, idem_key)
);

-- Meetings and their draw log -----------------------------------------------------------------------------------------
create table meeting (
    id text primary key,
    name text not null,
    rehearsal bigint not null default 0,
    cloned_from text references meeting (id),
    status text not null,        -- open | closed
    settings text not null,      -- JSON of wire::MeetingSettings
    event text not null unique,  -- 16 random bytes, hex: the protocol's name of this meeting
    log_key text not null,       -- Ed25519 public key, hex
    log_secret bytea not null,   -- sealed: Ed25519 seed
    chain_secret bytea not null, -- sealed: s_L
    links bigint not null,
    log_size bigint not null default 0,
    log_head text not null default '',
    event_seq bigint not null default 0,  -- last number given to a socket message
    next_index bigint not null default 0, -- next place in the pool
    pool_rev bigint not null default 0,   -- counts the changes of the pool
    pool_digest text not null default '', -- order-free keyed digest of the pool's members
    scene text not null default '{"name":"lobby"}',
    bill_day text not null,      -- yyyymmdd (Beijing) on which it was created: part of every bill number
    created_at bigint not null,
    closed_at bigint,
    version bigint not null default 1
);
create table log_line (
    meeting_id text not null references meeting (id),
    seq bigint not null,
    t text not null,
    draw bigint not null default 0,
    body text not null,
    head text not null,          -- head after this line
    primary key (meeting_id, seq)
);
-- What sockets were told, in order. Public data only.
create table event (
    meeting_id text not null references meeting (id),
    seq bigint not null,
    at bigint not null,
    type text not null,
    data text not null,
    primary key (meeting_id, seq)
);

-- People --------------------------------------------------------------------------------------------------------------
create table person (
    id text primary key,
    meeting_id text not null references meeting (id),
    name text not null,
    phone_sealed bytea not null,
    phone_index text not null,   -- HMAC of the normalised number: finds, never shows
    phone_mask text not null,    -- 138****1234
    department text not null default '',
    staff_no text not null default '',
    grp text not null default '',
    weight bigint not null default 1 check (weight between 0 and 1000000),
    removed bigint not null default 0,
    version bigint not null default 1,
    created_at bigint not null,
    unique (meeting_id, phone_index)
);
create table roster_import (
    id text primary key,
    meeting_id text not null references meeting (id),
    file_name text not null,
    staff_id text not null,
    status text not null,        -- reported | accepted
    report text not null,        -- JSON of wire::ImportReport (masked)
    rows_sealed bytea not null,  -- what will be stored when accepted; emptied then
    created_at bigint not null,
    accepted_at bigint
);
create table follower (
    openid text primary key,
    subscribed bigint not null,
    scene text not null default '',
    updated_at bigint not null
);
create table callback_seen (
    dedupe text primary key,
    at bigint not null
);
create table oauth_code (
    code_hash text primary key,
    at bigint not null
);
-- Every SMS we paid for, for the spend stop and the limits after a store was lost.
create table sms_send (
    id text primary key,
    meeting_id text not null references meeting (id),
    phone_index text not null,
    openid text not null,
    outcome text not null,
    at bigint not null
);
-- One identity (openid) has one place in the pool for the whole meeting; unbinding sets active 0 and weight 0 in the pool.
create table binding (
    id text primary key,
    meeting_id text not null references meeting (id),
    person_id text not null references person (id),
    openid text not null,
    idx bigint not null,
    pid text not null,
    salt text not null,
    identity text not null,
    weight bigint not null,
    present bigint not null default 1,
    active bigint not null default 1,
    receipt_size bigint not null,
    receipt_sig text not null,
    consent_at bigint not null,
    bound_at bigint not null,
    unique (meeting_id, openid),
    unique (meeting_id, idx),
    unique (meeting_id, pid)
);
create unique index binding_active_person on binding (meeting_id, person_id) where active = 1;

-- Prizes, rounds, draws -----------------------------------------------------------------------------------------------
create table prize (
    id text primary key,
    meeting_id text not null references meeting (id),
    name text not null,
    code text not null,          -- ASCII name in the draw log
    kind text not null,          -- cash | goods | both
    goods text not null default '',
    picture text not null default '',
    ord bigint not null,
    version bigint not null default 1,
    unique (meeting_id, code)
);
create table round (
    id text primary key,
    meeting_id text not null references meeting (id),
    prize_id text not null references prize (id),
    name text not null,
    seats bigint not null,
    exclude text not null,       -- none | group | event
    grp text not null default '',
    eligible text not null,      -- JSON of wire::Eligible: departments, groups; empty = everybody
    award text not null,         -- JSON of wire::Award: none | fixed | split
    cost_fen bigint not null,    -- what the whole round can cost in cash
    sources text not null,       -- JSON array of the protocol's sources
    confirm text not null,       -- host | auto
    ord bigint not null,
    status text not null,        -- ready | drawing | drawn | closed
    reserved_fen bigint not null default 0,  -- part of the budget kept for this round
    budget_id text,
    version bigint not null default 1
);
create table draw (
    meeting_id text not null references meeting (id),
    n bigint not null,
    round_id text not null references round (id),
    kind text not null,          -- main | redraw | test
    parent bigint not null default 0,
    state text not null,         -- committed | revealed | void
    k bigint not null,
    pool_n bigint not null,
    eligible bigint not null,    -- members with tickets
    commit_seq bigint not null,
    result_seq bigint,
    committed_at bigint not null,
    randomness_at bigint not null,  -- not before this moment may randomness be closed
    revealed_at bigint,
    void_reason text not null default '',
    primary key (meeting_id, n)
);
-- At most one open draw of a meeting, and one live main draw of a round.
create unique index draw_open on draw (meeting_id) where state = 'committed';
create unique index draw_main on draw (round_id) where kind = 'main' and state <> 'void';
-- What was committed: n x 40 bytes in parts of at most 1 MiB.
create table draw_pool (
    meeting_id text not null,
    n bigint not null,
    part bigint not null,
    bytes bytea not null,
    primary key (meeting_id, n, part)
);
create table draw_tap (
    meeting_id text not null,
    n bigint not null,
    idx bigint not null,
    r text not null,
    at bigint not null,
    primary key (meeting_id, n, idx)
);
create table seat (
    meeting_id text not null,
    n bigint not null,
    rank bigint not null,
    idx bigint not null,
    pid text not null,
    binding_id text not null references binding (id),
    person_id text not null references person (id),
    weight bigint not null,
    amount_fen bigint not null,
    status text not null,        -- waiting | present | absent | declined | disqualified
    replaced_by bigint,          -- number of the draw that holds this rank now
    claim_code text not null,    -- what the winner shows to collect goods
    status_at bigint not null,
    primary key (meeting_id, n, rank)
);

-- Money ---------------------------------------------------------------------------------------------------------------
create table budget (
    id text primary key,
    meeting_id text references meeting (id),   -- null: the whole account
    name text not null,
    cap_fen bigint not null,
    reserved_fen bigint not null default 0,
    spent_fen bigint not null default 0,
    returned_fen bigint not null default 0,
    status text not null,        -- draft | approved
    created_by text not null,
    approved_by text,
    approved_at bigint,
    created_at bigint not null,
    version bigint not null default 1,
    check (cap_fen >= 0 and reserved_fen >= 0 and spent_fen >= 0 and reserved_fen + spent_fen <= cap_fen)
);
create table award (
    id text primary key,         -- hash of the reason
    reason text not null unique, -- seat:<event>:<draw>:<rank>:<cash|goods>, voucher:<id>, referral:<id>
    meeting_id text not null references meeting (id),
    n bigint not null default 0,
    rank bigint not null default 0,
    person_id text not null references person (id),
    openid text not null,
    pid text not null default '',
    kind text not null,          -- cash | goods
    amount_fen bigint not null,
    budget_id text,
    state text not null,         -- waiting | payable | suspended | cancelled | paid | collected | returned | failed
    story text not null default '',
    attempts bigint not null default 0,
    created_at bigint not null,
    updated_at bigint not null
);
create index award_by_seat on award (meeting_id, n, rank);
create index award_by_openid on award (meeting_id, openid);
create table packet (
    bill_no text primary key,
    award_id text not null references award (id),
    attempt bigint not null,
    channel text not null,       -- red_packet | transfer
    openid text not null,
    amount_fen bigint not null check (amount_fen > 0),
    request text not null default '',    -- frozen request body; sealed with the signature inside
    state text not null,
    reason text not null default '',
    undecided bigint not null default 0, -- 1 once any attempt had no decided answer; never goes back
    sends bigint not null default 0,
    queries bigint not null default 0,
    not_founds bigint not null default 0,
    failed_at bigint,            -- first query that said FAILED; a second one, 10 min later, decides
    last_call_at bigint,
    next_at bigint not null,
    epoch bigint not null default 0,     -- raised by each claim: a late worker finds that it is no longer its own
    lease_until bigint not null default 0,
    list_id text not null default '',
    day text not null default '',        -- Beijing day whose slot it holds
    sent_at bigint,
    created_at bigint not null,
    updated_at bigint not null
);
create unique index packet_open on packet (award_id) where state not in ('refunded', 'failed', 'cancelled');
create index packet_due on packet (state, next_at);
create table call (
    id text primary key,
    bill_no text not null references packet (bill_no),
    epoch bigint not null,
    kind text not null,          -- send | query
    at bigint not null,
    answered_at bigint,
    status bigint,
    raw bytea,
    outcome text not null default ''
);
create index call_by_bill on call (bill_no, at);
create table person_day (
    openid text not null,
    day text not null,           -- yyyymmdd, Beijing
    packets bigint not null default 0,
    amount_fen bigint not null default 0,
    packets_cap bigint not null,
    amount_cap bigint not null,
    primary key (openid, day),
    check (packets >= 0 and packets <= packets_cap and amount_fen >= 0 and amount_fen <= amount_cap)
);
create table goods_handover (
    award_id text primary key references award (id),
    staff_id text not null,
    at bigint not null
);

-- Screens: a pairing code is typed once; the ticket it gives opens sockets.
create table screen_pairing (
    code_hash text primary key,
    meeting_id text not null references meeting (id),
    expires_at bigint not null,
    used bigint not null default 0
);
create table screen_ticket (
    ticket_hash text primary key,
    meeting_id text not null references meeting (id),
    created_at bigint not null
);
