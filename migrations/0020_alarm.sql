-- What finance has to be told by the chat robot: one row for each thing, told once.
create table alarm (
    name text primary key,       -- what it is about, such as packet:<bill number>:needs_human
    text text not null,          -- what happened and what to do; no personal data
    created_at bigint not null,
    tries bigint not null default 0,
    next_at bigint not null,
    told_at bigint               -- when the robot took it
);
create index alarm_due on alarm (next_at) where told_at is null;
