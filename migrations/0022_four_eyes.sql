-- What one person of finance asks for and a second one confirms (`four_eyes`), and who did what to money by hand.
create table money_request (
    id text primary key,
    meeting_id text references meeting (id),  -- null: about the whole account
    kind text not null,          -- budget_raise | reissue | cancel | resolve | trial | release
    target text not null,        -- budget, bill number, person, or 'sender'
    fen bigint not null default 0,            -- the new cap of a raise
    verdict text not null default '',         -- of a resolution
    note text not null default '',            -- the evidence
    asked_by text not null references staff (id),
    asked_at bigint not null,
    expires_at bigint not null,
    status text not null,        -- open | confirmed | refused | withdrawn | expired
    decided_by text references staff (id),
    decided_at bigint
);
create unique index money_request_open on money_request (kind, target) where status = 'open';

-- Every approval of a budget as it was given: an award is paid under the one that stood when it was born.
create table budget_approval (
    id text primary key,
    budget_id text not null references budget (id),
    at bigint not null,
    staff_id text not null references staff (id),
    cap_fen bigint not null
);
create index budget_approval_by_budget on budget_approval (budget_id, at);
insert into budget_approval (id, budget_id, at, staff_id, cap_fen)
    select id, id, approved_at, approved_by, cap_fen from budget where approved_at is not null and approved_by is not null;
-- Whoever changed the amount last cannot be the second person.
alter table budget add column changed_by text not null default '';

-- What people did to a packet by hand.
create table packet_act (
    id text primary key,
    bill_no text not null references packet (bill_no),
    at bigint not null,
    what text not null,          -- cancel | reissue | paid | returned | unpaid | ask | retry | trial
    staff_id text not null references staff (id),
    second_id text references staff (id),     -- who confirmed it
    note text not null default ''
);
create index packet_act_by_bill on packet_act (bill_no, at);
