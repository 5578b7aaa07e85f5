-- Who followed before, of those whose data was removed: a keyed hash of the account, which names nobody, so that whoever comes
-- back is not paid for as somebody new.
create table follower_before (
    mark text primary key,
    at bigint not null
);
