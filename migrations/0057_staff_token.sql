-- API tokens: several for each member of staff, each with a name, perhaps fewer roles, and when it was used last.
create table staff_token (
    id text primary key,
    staff_id text not null references staff (id),
    name text not null,          -- empty: the one that `POST /api/staff/{id}/token` replaces
    token_hash text not null unique,
    roles text not null,         -- empty: all that its owner has
    made_at bigint not null,
    used_at bigint               -- moved at most once a minute
);
create index staff_token_by_staff on staff_token (staff_id, made_at);
insert into staff_token (id, staff_id, name, token_hash, roles, made_at)
    select id, id, '', token_hash, '', created_at from staff where token_hash is not null;
update staff set token_hash = null;
