-- Pictures of the host: background and logo of the screen, prizes. The bytes lie in the file store under pictures/ID.
create table picture (
    id text primary key,         -- 16 random bytes, hex: whoever knows it may see the picture
    meeting_id text not null references meeting (id),
    kind text not null,          -- jpg | png
    width bigint not null,
    height bigint not null,
    made_by text not null references staff (id),
    created_at bigint not null
);
create index picture_by_meeting on picture (meeting_id);
