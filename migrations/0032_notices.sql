-- Who asked for an SMS is kept as a keyed hash, as the phone is. What stands there in the open goes.
alter table sms_send rename column openid to openid_index;
update sms_send set openid_index = '';
-- SMS of a meeting, counted before each is sent: the spend stop.
create table sms_spend (
    meeting_id text primary key references meeting (id),
    sent bigint not null
);
insert into sms_spend (meeting_id, sent) select meeting_id, cast(count(*) as bigint) from sms_send group by meeting_id;
-- Until when, and how often, the account may write to a follower by itself (customer-service messages).
alter table follower add column write_until bigint not null default 0;
alter table follower add column writes_left bigint not null default 0;
-- "You won", to the winner's chat with the account: one row for each seat, written by a worker of its own.
create table notice (
    id text primary key,         -- also the platform's client_msg_id: a repeat within minutes is one message
    meeting_id text not null references meeting (id),
    n bigint not null,
    rank bigint not null,
    openid text not null,
    state text not null,         -- due | sent | unknown | failed
    way text not null default '',      -- chat | template
    why text not null default '',      -- stable word for the page
    msgid text not null default '',    -- the platform's number of a template message
    tries bigint not null default 0,
    next_at bigint not null,
    created_at bigint not null,
    updated_at bigint not null,
    unique (meeting_id, n, rank)
);
create index notice_due on notice (next_at) where state = 'due';
create index notice_by_msgid on notice (msgid) where msgid <> '';
