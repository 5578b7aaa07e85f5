-- Referrals: a person brings new people by a code of their own; each new one, or every n-th, pays.

create table referral_rules (
    meeting_id text primary key references meeting (id),
    rules text not null,         -- JSON of wire::ReferralRules
    budget_id text references budget (id),   -- purpose 'campaign'
    changed_by text not null references staff (id),
    version bigint not null default 1
);
-- Whoever brings people.
create table referrer (
    code text primary key,
    meeting_id text not null references meeting (id),
    person_id text not null references person (id),
    openid text not null,
    created_at bigint not null,
    unique (meeting_id, person_id)
);
-- The first code that a new phone came by; later ones change nothing.
create table referral_scan (
    meeting_id text not null references meeting (id),
    openid text not null,
    code text not null references referrer (code),
    way text not null,           -- qr | link
    snapshot bigint not null default 0,      -- came as a virtual account
    at bigint not null,
    primary key (meeting_id, openid)
);
-- A new person who bound: counted for one referrer, for ever.
create table referral (
    id text primary key,
    meeting_id text not null references meeting (id),
    code text not null references referrer (code),
    referrer_id text not null references person (id),
    person_id text not null references person (id),
    openid text not null,
    state text not null,         -- waiting | review | confirmed | paid | capped | cancelled | refused
    signals text not null default '',        -- comma-separated words of what looks wrong
    segment text not null,       -- keyed hash of the beginning of the phone number
    fen bigint not null default 0,           -- what it pays, once it does
    paid_day text not null default '',       -- Beijing day of the reward
    reason text not null default '',         -- why it waits longer, or came to nothing
    decided_by text references staff (id),
    bound_at bigint not null,
    due_at bigint not null,
    updated_at bigint not null,
    unique (meeting_id, person_id),
    unique (meeting_id, openid)
);
create index referral_due on referral (due_at) where state = 'waiting';
create index referral_by_referrer on referral (meeting_id, referrer_id, state);
create index referral_by_openid on referral (openid);
-- Since when somebody has followed the account for the first time: whoever did before is not new.
alter table follower add column first_at bigint;
update follower set first_at = updated_at where subscribed = 1;
