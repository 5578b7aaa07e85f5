-- One-time links with which staff make or regain their account, and the second factor.
create table staff_link (
    code_hash text primary key,
    staff_id text references staff (id),   -- null: a new account; otherwise a new password for this one
    roles text not null,
    note text not null,                    -- whom it was made for, in words
    made_by text not null references staff (id),
    made_at bigint not null,
    ends_at bigint not null,
    used_at bigint
);
alter table staff add column totp_sealed text not null default ''; -- hex; empty: no second factor
alter table staff add column totp_step bigint not null default 0;  -- of the last code that was taken: each works once
