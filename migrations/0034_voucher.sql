-- Vouchers: a person uploads a proof of sale, a reviewer judges it, what is accepted is paid like every award.

create table voucher_campaign (
    id text primary key,
    meeting_id text not null references meeting (id),
    name text not null,
    status text not null,        -- open | closed
    rules text not null,         -- JSON of wire::VoucherRules
    budget_id text references budget (id),   -- purpose 'campaign'
    turn bigint not null default 0,          -- moved by every sending: they take turns
    created_by text not null references staff (id),
    created_at bigint not null,
    version bigint not null default 1
);
create index voucher_campaign_by_meeting on voucher_campaign (meeting_id, created_at);
create table voucher (
    id text primary key,
    meeting_id text not null references meeting (id),
    campaign_id text not null references voucher_campaign (id),
    person_id text not null references person (id),
    openid text not null,
    state text not null,         -- draft | waiting | second | accepted | rejected
    fields text not null,        -- JSON of wire::VoucherFields
    order_key text not null default '',      -- order number without spaces and case
    item bigint not null default 0,          -- row of the table of amounts
    item_name text not null default '',      -- its name when it was sent
    amount_fen bigint not null,
    flags text not null default '[]',        -- JSON of what was noticed when it was sent
    reason text not null default '',         -- why it was rejected
    first_by text references staff (id),     -- accepted it first, where two are wanted
    decided_by text references staff (id),
    locked_by text references staff (id),
    locked_until bigint not null default 0,
    sends bigint not null default 0,
    created_at bigint not null,
    sent_at bigint,
    decided_at bigint,
    updated_at bigint not null,
    version bigint not null default 1
);
-- An order pays once; the number of a rejected one is free again.
create unique index voucher_order on voucher (campaign_id, order_key)
    where order_key <> '' and state in ('waiting', 'second', 'accepted');
create index voucher_queue on voucher (meeting_id, state, sent_at);
create index voucher_by_person on voucher (campaign_id, person_id);
create table voucher_photo (
    voucher_id text not null references voucher (id),
    n bigint not null,
    upload text not null,        -- names this try: its pieces, later its pictures
    size bigint not null,        -- bytes that will come
    sha256 text not null,        -- of all of them
    received bigint not null default 0,
    ready bigint not null default 0,
    width bigint not null default 0,
    height bigint not null default 0,
    look text not null default '',           -- 64 bits of how it looks, hex
    updated_at bigint not null,
    primary key (voucher_id, n)
);
-- A file counts once in a campaign.
create table voucher_file (
    campaign_id text not null references voucher_campaign (id),
    sha256 text not null,
    voucher_id text not null,
    n bigint not null,
    primary key (campaign_id, sha256)
);
create index voucher_file_by_voucher on voucher_file (voucher_id, n);
-- What happened to a voucher, for the person, the reviewer and the books.
create table voucher_step (
    id text primary key,
    voucher_id text not null references voucher (id),
    at bigint not null,
    what text not null,          -- sent | first | accepted | rejected
    staff_id text references staff (id),     -- null: the person
    note text not null default ''
);
create index voucher_step_by_voucher on voucher_step (voucher_id, at);
