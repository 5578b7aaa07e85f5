-- The whole account: one row that every reservation of any budget also moves.
create table account (
    id bigint primary key check (id = 1),
    cap_fen bigint not null,     -- limits.account_amount
    reserved_fen bigint not null,
    spent_fen bigint not null,
    check (reserved_fen >= 0 and spent_fen >= 0 and reserved_fen <= cap_fen - spent_fen)
);
insert into account (id, cap_fen, reserved_fen, spent_fen)
    select 1, 9223372036854775807, coalesce(sum(reserved_fen), 0), coalesce(sum(spent_fen), 0) from budget;

-- What the merchant sends on a Beijing day, all meetings together; the cap as configured.
create table merchant_day (
    day text primary key,        -- yyyymmdd
    packets bigint not null default 0,
    amount_fen bigint not null default 0,
    amount_cap bigint not null,
    check (packets >= 0 and amount_fen >= 0 and amount_fen <= amount_cap)
);

-- Money for test packets before the evening; rounds never reserve from it.
alter table budget add column purpose text not null default '';  -- '' | trial
