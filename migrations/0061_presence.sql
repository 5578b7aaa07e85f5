-- Control pages that are open, on any server. A server that dies leaves its rows, which count for less than a minute.
create table desk_presence (
    id text primary key,
    meeting_id text not null references meeting (id),
    staff_id text not null references staff (id),
    since bigint not null,
    seen_at bigint not null
);
create index desk_presence_by_meeting on desk_presence (meeting_id);
